//! Texts that stand in requests of their own, in one: what differs between them can be said in no other format.

use crate::exchange::embedding::EmbeddingRequest;
use crate::protocol::Unreadable;

/// A list of requests, in its form's words.
pub(super) struct List {
    pub(super) name: &'static str,
    /// The field of what the vectors are for.
    pub(super) purpose: &'static str,
}

impl List {
    /// One request for all of the texts.
    ///
    /// # Errors
    ///
    /// What the requests were read with; and when one asks for other vectors than the first.
    pub(super) fn together<'a>(
        &self,
        requests: impl Iterator<Item = Result<EmbeddingRequest<'a>, Unreadable>>,
    ) -> Result<EmbeddingRequest<'a>, Unreadable> {
        let mut all = EmbeddingRequest::default();
        for (at, request) in requests.enumerate() {
            let mut request = request.map_err(|wrong| Unreadable { field: self.place(at, &wrong.field), ..wrong })?;
            for extra in &mut request.extras {
                extra.field = self.place(at, &extra.field).into();
            }
            if at == 0 {
                all = request;
                continue;
            }
            let differs = |field| Unreadable {
                field: self.place(at, field),
                wrong: "differs from the first one's: ask for the others in a request of their own".to_owned(),
            };
            if (request.purpose, &request.task_type) != (all.purpose, &all.task_type) {
                return Err(differs(self.purpose));
            }
            if request.dimensions != all.dimensions {
                return Err(differs("outputDimensionality"));
            }
            all.titles.resize(all.inputs.len(), None);
            all.titles.append(&mut request.titles);
            all.inputs.append(&mut request.inputs);
            all.extras.append(&mut request.extras);
        }
        Ok(all)
    }

    /// A field of a request, or the request.
    fn place(&self, at: usize, field: &str) -> String {
        let name = self.name;
        if field == "(body)" { format!("{name}[{at}]") } else { format!("{name}[{at}].{field}") }
    }
}
