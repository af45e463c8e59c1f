//! The sentences by which providers say what they have no code for.
//!
//! No decision is made by the text of an error, with these exceptions: each stands here with the reason, and nowhere else. They are
//! compared in lower case, with a part of the sentence that has not changed over the years.

/// A sentence without a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wording {
    /// What stands in the message, in lower case.
    pub(super) says: &'static str,
    /// Why its text is read.
    pub(super) because: &'static str,
}

/// OpenAI: a restricted key is valid, but not for this endpoint.
pub(super) const MISSING_SCOPES: Wording =
    Wording { says: "missing scopes", because: "OpenAI's code for it is null, and its status that of a wrong key" };
/// OpenAI: the same, as some endpoints say it.
pub(super) const INSUFFICIENT_PERMISSIONS: Wording = Wording {
    says: "insufficient permissions",
    because: "OpenAI's code for it is null, and its status that of a wrong key",
};
/// xAI: a wrong key.
pub(super) const INCORRECT_API_KEY: Wording =
    Wording { says: "incorrect api key provided", because: "xAI answers 400 with the code of any wrong argument" };
/// xAI: the team has used up what it paid.
pub(super) const USED_ALL_CREDITS: Wording =
    Wording { says: "used all available credits", because: "xAI answers 429 with the code of any rate limit" };
/// xAI: the team never paid.
pub(super) const NO_CREDITS_YET: Wording =
    Wording { says: "have any credits yet", because: "xAI answers 403 with the code of a missing permission" };
/// xAI: a prompt that its policy forbids.
pub(super) const VIOLATES_GUIDELINES: Wording = Wording {
    says: "content violates usage guidelines",
    because: "xAI answers 403 with the code of a missing permission",
};
/// OpenRouter: nothing at all is left of an account or of a key's limit.
pub(super) const AFFORDS_NOTHING: Wording =
    Wording { says: "can only afford 0.", because: "OpenRouter answers 402 to requests that are too large, too" };
/// OpenRouter: what is left is less than this one answer could cost.
pub(super) const FEWER_MAX_TOKENS: Wording = Wording {
    says: "this request requires more credits, or fewer max_tokens",
    because: "OpenRouter answers 402 as to an empty account",
};
/// OpenRouter: what is left is less than this one prompt costs.
pub(super) const PROMPT_TOKENS_LIMIT: Wording =
    Wording { says: "prompt tokens limit exceeded", because: "OpenRouter answers 402 as to an empty account" };
/// NVIDIA: a model that the account may not use.
pub(super) const NOT_FOUND_FOR_ACCOUNT: Wording =
    Wording { says: "not found for account", because: "NVIDIA's 404 has no code, and is that of a wrong path too" };
/// Anthropic: no credit.
pub(super) const CREDIT_BALANCE_TOO_LOW: Wording = Wording {
    says: "your credit balance is too low",
    because: "Anthropic answers 400 with the type of any wrong request",
};
/// Anthropic: the organization's own limit of what it spends.
pub(super) const USAGE_LIMITS_REACHED: Wording = Wording {
    says: "you have reached your specified api usage limits",
    because: "Anthropic answers 400 with the type of any wrong request",
};
/// Anthropic: the whole account is closed.
pub(super) const ORGANIZATION_DISABLED: Wording = Wording {
    says: "this organization has been disabled",
    because: "Anthropic answers 400 with the type of any wrong request",
};
/// Anthropic: a token of OAuth that is good no more.
pub(super) const TOKEN_REVOKED: Wording =
    Wording { says: "oauth token has been revoked", because: "Anthropic gives it the type of a missing permission" };
/// Anthropic: the organization takes no tokens of OAuth.
pub(super) const OAUTH_NOT_ALLOWED: Wording = Wording {
    says: "oauth authentication is currently not allowed",
    because: "Anthropic gives it the type of a missing permission",
};
/// Gemini: Google found the key in public and shut it off.
pub(super) const REPORTED_AS_LEAKED: Wording = Wording {
    says: "your api key was reported as leaked",
    because: "Google's status for it is that of a missing permission",
};
/// Gemini: an account that pays in advance has nothing left.
pub(super) const CREDITS_DEPLETED: Wording =
    Wording { says: "credits are depleted", because: "Google's status for it is that of any rate limit" };
/// Gemini: the project has no account that pays.
pub(super) const ENABLE_BILLING: Wording =
    Wording { says: "enable billing", because: "Google's status for it is that of a place that it does not serve" };
/// Cohere: a trial key's calls of the month are used up.
pub(super) const CALLS_OF_THE_MONTH: Wording =
    Wording { says: "api calls / month", because: "Cohere has no codes, and answers 429 to short limits too" };
/// Azure: the network rules of the resource, which no key changes.
pub(super) const FIREWALL_RULES: Wording =
    Wording { says: "virtual network", because: "Azure's code for it is the status, as for a key without a role" };
/// Azure: an identity without the role that the call needs.
pub(super) const LACKS_DATA_ACTION: Wording =
    Wording { says: "lacks the required data action", because: "Azure answers 401 with the code of a wrong key" };
/// Bedrock: a wrong API key.
pub(super) const AUTHENTICATION_FAILED: Wording = Wording {
    says: "authentication failed",
    because: "Amazon's type for a wrong API key is that of a missing permission, or none",
};
/// Bedrock: a short-term API key that has ended.
pub(super) const BEARER_TOKEN_EXPIRED: Wording = Wording {
    says: "bearer token has expired",
    because: "Amazon's type for an API key that has ended is that of a missing permission, or none",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wording_is_comparable_and_has_its_reason() {
        for wording in [
            MISSING_SCOPES,
            INSUFFICIENT_PERMISSIONS,
            INCORRECT_API_KEY,
            USED_ALL_CREDITS,
            NO_CREDITS_YET,
            VIOLATES_GUIDELINES,
            AFFORDS_NOTHING,
            FEWER_MAX_TOKENS,
            PROMPT_TOKENS_LIMIT,
            NOT_FOUND_FOR_ACCOUNT,
            CREDIT_BALANCE_TOO_LOW,
            USAGE_LIMITS_REACHED,
            ORGANIZATION_DISABLED,
            TOKEN_REVOKED,
            OAUTH_NOT_ALLOWED,
            REPORTED_AS_LEAKED,
            CREDITS_DEPLETED,
            ENABLE_BILLING,
            CALLS_OF_THE_MONTH,
            FIREWALL_RULES,
            LACKS_DATA_ACTION,
            AUTHENTICATION_FAILED,
            BEARER_TOKEN_EXPIRED,
        ] {
            assert_eq!(wording.says, wording.says.to_lowercase());
            assert!(!wording.because.is_empty() && !wording.says.is_empty());
        }
    }
}
