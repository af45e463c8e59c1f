//! Stand-ins for the providers: each answers with its provider's real shapes, by what the key that comes is worth, and is strict about where and
//! how it comes.

mod anthropic;
mod azure;
mod bedrock;
mod claude;
mod cohere;
mod eventstream;
mod exchange;
mod gemini;
pub mod listen;
mod openai;
mod responses;
mod sampling;
mod script;
mod shape;
mod specimen;
#[cfg(test)]
mod strictness;
mod token;
mod vertex;
mod waiting;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::task::Tasks;

use listen::{Body, Transport};

pub use bedrock::verify_form;
pub use eventstream::{Frame, frame, read_frames};
pub use exchange::{Asked, Fault, Reply, Topic};
pub use specimen::{Dialect, Specimen};
pub use token::{SERVICE_ACCOUNT_KEY_ID, service_account_json};

/// Whose API it stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// OpenAI's, and everything that is compatible with it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's at AI Studio.
    Gemini,
    /// Gemini's at Vertex AI, with the endpoint that gives tokens to service accounts.
    Vertex,
    /// Bedrock's, runtime and control on one host.
    Bedrock,
    /// OpenAI's at Azure, with Entra's endpoint that gives tokens to clients.
    Azure,
    /// Cohere's.
    Cohere,
}

/// What a key is worth to its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account {
    /// It works.
    Good,
    /// It was revoked, or never was one.
    Dead,
    /// Its account has no money left.
    Empty,
    /// It works, but may not list models.
    Unlisting,
    /// It is known, but may not use the model.
    Denied,
    /// It is asked too often.
    Throttled,
    /// The model, or the deployment, is not there for it.
    Modelless,
}

/// One request, and what became of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The request.
    pub asked: Asked,
    /// What it was about.
    pub topic: Topic,
    /// The key that came: an API key, an access key id, or the identity that a token was minted for. Empty where none came.
    pub key: String,
    /// The status that it was answered.
    pub status: u16,
}

/// What a stand-in knows and remembers.
#[derive(Debug, Default)]
struct Book {
    accounts: HashMap<String, Account>,
    /// The tokens that were minted, each with the identity that it is of.
    tokens: HashMap<String, String>,
    /// Whether the list of models is for everybody.
    open_list: bool,
    /// Whether conversations are checked and answered in full, or with one word.
    converses: bool,
    seen: Vec<Seen>,
    faults: Vec<String>,
    /// How many endless streams began, and how many of them their caller left.
    endless: (u32, u32),
}

/// A stand-in. It listens until it is dropped.
#[derive(Debug)]
pub struct StandIn {
    api: Api,
    address: SocketAddr,
    transport: Transport,
    book: Arc<Mutex<Book>>,
    tasks: Tasks,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl StandIn {
    /// Starts one on plain HTTP that knows no key.
    ///
    /// # Errors
    ///
    /// When it can't listen.
    pub async fn start(api: Api) -> anyhow::Result<Self> {
        Self::start_on(api, Transport::Plain).await
    }

    /// Starts one on a transport.
    ///
    /// # Errors
    ///
    /// When it can't listen.
    pub async fn start_on(api: Api, transport: Transport) -> anyhow::Result<Self> {
        let (book, tasks) = (Arc::<Mutex<Book>>::default(), Tasks::new());
        let (shared, streaming) = (Arc::clone(&book), tasks.clone());
        let answer = move |request| answer(api, request, Arc::clone(&shared), streaming.clone());
        let address = listen::listen(&transport, &tasks, answer).await?;
        Ok(Self { api, address, transport, book, tasks })
    }

    /// Its origin: `http://127.0.0.1:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.transport.scheme(), self.address)
    }

    /// What a provider resource has as its base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        match self.api {
            Api::OpenAi => format!("{}/v1", self.origin()),
            Api::Anthropic | Api::Gemini | Api::Vertex | Api::Bedrock | Api::Azure | Api::Cohere => self.origin(),
        }
    }

    /// The models that it lists, by the names that callers ask for, in the order of their names.
    #[must_use]
    pub fn models(&self) -> Vec<String> {
        let mut models: Vec<_> = match self.api {
            Api::OpenAi => openai::MODELS.to_vec(),
            Api::Anthropic => anthropic::MODELS.to_vec(),
            Api::Gemini => gemini::MODELS.to_vec(),
            Api::Vertex => vec![vertex::MODEL],
            Api::Bedrock => bedrock::MODELS.to_vec(),
            Api::Azure => azure::MODELS.to_vec(),
            Api::Cohere => cohere::MODELS.to_vec(),
        };
        models.sort_unstable();
        models.into_iter().map(str::to_owned).collect()
    }

    /// Says what a key is worth from now on.
    pub fn give(&self, key: &str, account: Account) {
        self.lock().accounts.insert(key.to_owned(), account);
    }

    /// Lists models to everybody, with any key or none, from now on.
    pub fn open_list(&self) {
        self.lock().open_list = true;
    }

    /// Holds conversations from now on: checks requests as strictly as the provider, and answers what was asked.
    pub fn converse(&self) {
        self.lock().converses = true;
    }

    /// How many endless streams began, and how many of them their caller left.
    #[must_use]
    pub fn endless(&self) -> (u32, u32) {
        self.lock().endless
    }

    /// The requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// The requests so far on a topic, with a key.
    #[must_use]
    pub fn seen_of(&self, topic: Topic, key: &str) -> Vec<Seen> {
        self.lock().seen.iter().filter(|seen| seen.topic == topic && seen.key == key).cloned().collect()
    }

    /// What came otherwise than the provider wants it; empty as long as everybody behaved.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.lock().seen.clear();
    }

    /// Makes every token that was minted so far worthless, as if it had expired.
    pub fn expire_tokens(&self) {
        self.lock().tokens.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // A test that panicked while it held the lock has failed already.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(api: Api, request: Request<Incoming>, shared: Arc<Mutex<Book>>, tasks: Tasks) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked::new(parts, body);
    let mut book = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let book = &mut *book;
    let reply = asked.has_no_caller_key().and_then(|()| match api {
        Api::OpenAi => openai::answer(&asked, book),
        Api::Anthropic => anthropic::answer(&asked, book),
        Api::Gemini => gemini::answer(&asked, book),
        Api::Vertex => vertex::answer(&asked, book),
        Api::Bedrock => bedrock::answer(&asked, book),
        Api::Azure => azure::answer(&asked, book),
        Api::Cohere => cohere::answer(&asked, book),
    });
    let reply = reply.unwrap_or_else(|fault| {
        book.faults.push(format!("{api:?}: {fault}, in {} {}", asked.method, asked.target()));
        refusal(api, &format!("the stand-in says: {fault}"))
    });
    book.endless.0 += u32::from(reply.is_endless());
    book.seen.push(Seen { asked, topic: reply.topic, key: reply.key.clone(), status: reply.status });
    let shared = Arc::clone(&shared);
    reply.into_response(&tasks, move || shared.lock().unwrap_or_else(PoisonError::into_inner).endless.1 += 1)
}

/// A bad request, in the words of the provider.
fn refusal(api: Api, message: &str) -> Reply {
    let voice = match api {
        Api::OpenAi | Api::Azure => openai::VOICE,
        Api::Anthropic => anthropic::VOICE,
        Api::Gemini | Api::Vertex => gemini::VOICE,
        Api::Bedrock => bedrock::VOICE,
        Api::Cohere => cohere::VOICE,
    };
    (voice.refusal)(400, message)
}

impl Book {
    /// Whether to hold a conversation with somebody.
    fn converses_with(&self, account: Account) -> bool {
        self.converses && account == Account::Good
    }

    /// What a key is worth for a model.
    fn account_for(&self, key: &str, model: &str) -> Account {
        without_missing(self.account(key), model)
    }

    /// What a key is worth. One that nobody knows is dead.
    fn account(&self, key: &str) -> Account {
        self.accounts.get(key).copied().unwrap_or(Account::Dead)
    }

    /// What a minted token is worth, and whose it is.
    fn account_of_token(&self, token: &str) -> (Account, String) {
        match self.tokens.get(token) {
            Some(identity) => (self.account(identity), identity.clone()),
            None => (Account::Dead, token.to_owned()),
        }
    }
}

/// Whoever may ask for anything gets no model that is missing.
fn without_missing(account: Account, model: &str) -> Account {
    if account == Account::Good && model.contains(script::MISSING) { Account::Modelless } else { account }
}
