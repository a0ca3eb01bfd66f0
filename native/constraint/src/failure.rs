//! Why a constraint cannot be followed: a kind for the engine, and llguidance's words for people.

use std::fmt::Display;

use llguidance::api::StopReason;

use crate::{INVALID, PANICKED, TOO_COMPLEX};

pub enum Failure {
    /// It says nothing sensible, contradicts itself, or uses what llguidance does not know.
    Invalid(String),
    /// It asks for more than one of llguidance's limits allows.
    TooComplex(String),
    /// Our own limit of time.
    TimedOut,
    /// llguidance met what it did not expect.
    Panicked(String),
}

/// How llguidance 1.9.1 and serde_json begin what they say of their limits: neither has a type for it. `constraint_test.cpp`
/// provokes those that can be, so that a version with other words does not go unnoticed.
const LIMITS: [&str; 12] = [
    "DNF too large",
    "Schema intersection stack level exceeded",
    "Unable to determine if regex is empty: ",
    "can't determine if patternProperty regexes ",
    "fuel exhausted when checking relevance of lexemes",
    "grammar size (number of symbols) too big",
    "initial lexer configuration (grammar) too big",
    "lark grammar too deeply nested",
    "lexer precomputation failed",
    "maximum relevance check fuel",
    "recursion limit exceeded",
    "schema too large",
];
/// How a matcher's failures begin that llguidance itself counts as `LexerTooComplex` and `ParserTooComplex`.
const LIMITS_OF_MATCHERS: [&str; 2] = ["lexer error: ", "parser error: "];
const PANIC: &str = "panic: ";

impl Failure {
    /// Of what llguidance refuses to compile. Only the cause at the bottom counts: what lies above it quotes the constraint.
    pub fn of_compiling(error: &anyhow::Error) -> Self {
        let cause = error.root_cause().to_string();
        if let Some(panic) = cause.strip_prefix(PANIC) {
            return Failure::panicked(panic);
        }
        let text = format!("{error:#}");
        if begins_with_any(without_places(&cause), &LIMITS) {
            Failure::TooComplex(text)
        } else {
            Failure::Invalid(text)
        }
    }

    /// Of what a matcher says. It has let go of its parser by then, so that its `stop_reason` is `InternalError` for all of them;
    /// the parser's own reason is the text where there is no other.
    pub fn of_matching(error: impl Display) -> Self {
        let text = format!("{error:#}");
        let text = text.split("\n<non-verbose/>").next().unwrap_or_default();
        if let Some(panic) = text.strip_prefix(PANIC) {
            return Failure::panicked(panic);
        }
        if [StopReason::NoExtension, StopReason::NoExtensionBias]
            .iter()
            .any(|reason| reason.to_string() == text)
        {
            // What compiled and then lets nothing through contradicts itself.
            return Failure::Invalid("nothing that it allows can come next".to_string());
        }
        if begins_with_any(text, &LIMITS_OF_MATCHERS) {
            Failure::TooComplex(text.to_string())
        } else {
            Failure::Invalid(text.to_string())
        }
    }

    /// A backtrace may follow, which is not for people.
    pub fn panicked(text: &str) -> Self {
        Failure::Panicked(text.split("\n<backtrace>").next().unwrap_or_default().to_string())
    }

    pub fn status(&self) -> i32 {
        match self {
            Failure::Invalid(_) => INVALID,
            Failure::TooComplex(_) | Failure::TimedOut => TOO_COMPLEX,
            Failure::Panicked(_) => PANICKED,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Failure::Invalid(text) | Failure::TooComplex(text) | Failure::Panicked(text) => text,
            Failure::TimedOut => "time limit: it leads nowhere, or one step of it takes longer than 2 seconds",
        }
    }
}

fn begins_with_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

/// What follows the places that llguidance's reader of Lark puts before a cause, as text: `at 3(8): failed to compile JSON schema: `.
fn without_places(mut text: &str) -> &str {
    loop {
        let rest = text.strip_prefix("at ").unwrap_or(text);
        let after = rest
            .strip_prefix("failed to compile JSON schema: ")
            .or_else(|| rest.strip_prefix("EOF: "))
            .or_else(|| after_position(rest));
        match after {
            Some(after) => text = after,
            None => return text,
        }
    }
}

/// `3(8): `
fn after_position(text: &str) -> Option<&str> {
    let digits = |text: &str| {
        text.find(|letter: char| !letter.is_ascii_digit())
            .filter(|end| *end > 0)
    };
    let rest = text[digits(text)?..].strip_prefix('(')?;
    rest[digits(rest)?..].strip_prefix("): ")
}
