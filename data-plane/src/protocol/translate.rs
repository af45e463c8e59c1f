//! One format's reader before another's writer: whole answers, and streams as they come.
