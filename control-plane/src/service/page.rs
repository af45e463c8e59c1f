//! Pages: in the order of names, so that a scan neither skips nor repeats what survives it (AIP-158).

use std::borrow::Borrow;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imbl::OrdMap;
use prost::Message;

use crate::error::{Error, FieldReason};

const DEFAULT_SIZE: usize = 50;
const MOST: usize = 1000;

/// Which page of which list.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// The request's `parent`.
    pub parent: &'a str,
    /// What the names on the list begin with, `projects/p/providers/` and its like.
    pub prefix: &'a str,
    /// The request's `filter`.
    pub filter: &'a str,
    /// The request's `page_size`.
    pub size: i32,
    /// The request's `page_token`.
    pub token: &'a str,
}

/// One page.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The token of the next page; empty on the last one.
    pub next_token: String,
}

/// What a page token holds. It is no secret and needs no seal: it can ask for nothing that its bearer could not ask for without it.
#[derive(Clone, PartialEq, Eq, Message)]
struct Token {
    #[prost(string, tag = "1")]
    parent: String,
    #[prost(string, tag = "2")]
    filter: String,
    #[prost(string, tag = "3")]
    last: String,
}

impl PageRequest<'_> {
    /// The page: the entries after the token's place whose name has the prefix and that `keep` wants.
    ///
    /// # Errors
    ///
    /// [`Error::PageTokenInvalid`], or a negative size.
    pub fn page<N, V>(self, table: &OrdMap<N, V>, keep: impl Fn(&V) -> bool) -> Result<Page<&V>, Error>
    where
        N: Ord + Clone + Borrow<str>,
    {
        let size = page_size(self.size)?;
        let last = self.last()?;
        let from = last.as_deref().map_or(Bound::Included(self.prefix), Bound::Excluded);
        let mut rest = table
            .range::<_, str>((from, Bound::Unbounded))
            .take_while(|(name, _)| Borrow::<str>::borrow(*name).starts_with(self.prefix))
            .filter(|(_, entry)| keep(entry));
        let mut items = Vec::new();
        let mut end = None;
        for (name, entry) in rest.by_ref().take(size) {
            items.push(entry);
            end = Some(name);
        }
        let more = rest.next().is_some();
        let next_token = end.filter(|_| more).map_or_else(String::new, |name| self.token_after(name.borrow()));
        Ok(Page { items, next_token })
    }

    fn last(&self) -> Result<Option<String>, Error> {
        if self.token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(self.token).map_err(|_| Error::PageTokenInvalid)?;
        let token = Token::decode(bytes.as_slice()).map_err(|_| Error::PageTokenInvalid)?;
        let same = token.parent == self.parent && token.filter == self.filter && token.last.starts_with(self.prefix);
        if same { Ok(Some(token.last)) } else { Err(Error::PageTokenInvalid) }
    }

    fn token_after(&self, last: &str) -> String {
        let token = Token { parent: self.parent.to_owned(), filter: self.filter.to_owned(), last: last.to_owned() };
        URL_SAFE_NO_PAD.encode(token.encode_to_vec())
    }
}

fn page_size(given: i32) -> Result<usize, Error> {
    match usize::try_from(given) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MOST)),
        Err(_) => Err(Error::field("page_size", FieldReason::OutOfRange, "use 0 or more")),
    }
}

#[cfg(test)]
mod tests {
    use shared::name::ProviderName;

    use super::*;

    fn table(ids: &[&str]) -> OrdMap<ProviderName, String> {
        ids.iter().map(|id| (format!("projects/p/providers/{id}").parse().unwrap(), (*id).to_owned())).collect()
    }

    fn request<'a>(size: i32, token: &'a str, filter: &'a str) -> PageRequest<'a> {
        PageRequest { parent: "projects/p", prefix: "projects/p/providers/", filter, size, token }
    }

    #[test]
    fn pages_neither_skip_nor_repeat_what_survives() {
        let before = table(&["a", "b", "c", "d"]);
        let first = request(2, "", "").page(&before, |_| true).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        // The last one of the page goes, one before it and one after it come.
        let after = table(&["a", "aa", "bb", "c", "d"]);
        let second = request(2, &first.next_token, "").page(&after, |_| true).unwrap();
        assert_eq!(second.items, ["bb", "c"]);
        let third = request(2, &second.next_token, "").page(&after, |_| true).unwrap();
        assert_eq!((third.items.len(), third.next_token.as_str()), (1, ""));
    }

    #[test]
    fn a_full_last_page_has_no_token() {
        let page = request(2, "", "").page(&table(&["a", "b"]), |_| true).unwrap().next_token;
        assert_eq!(page, "");
    }

    #[test]
    fn a_token_is_good_for_its_own_arguments_only() {
        let table = table(&["a", "b"]);
        let token = request(1, "", "").page(&table, |_| true).unwrap().next_token;
        assert!(matches!(request(1, &token, "x = y").page(&table, |_| true), Err(Error::PageTokenInvalid)));
        let other = PageRequest { parent: "projects/q", ..request(1, &token, "") };
        assert!(matches!(other.page(&table, |_| true), Err(Error::PageTokenInvalid)));
        assert!(matches!(request(1, "%%%", "").page(&table, |_| true), Err(Error::PageTokenInvalid)));
        assert!(matches!(request(-1, "", "").page(&table, |_| true), Err(Error::Invalid(_))));
    }
}
