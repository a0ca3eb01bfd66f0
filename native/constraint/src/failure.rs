//! Errors of constraints: a kind for the engine, and llguidance's message for people.

use std::fmt::Display;

use llguidance::api::StopReason;

use crate::{INVALID, PANICKED, TOO_COMPLEX};

pub enum Failure {
    /// It is invalid, contradicts itself, or uses what llguidance does not support.
    Invalid(String),
    /// It exceeds one of llguidance's limits.
    TooComplex(String),
    /// A step of it exceeded this engine's limit of processor time.
    TimedOut,
    /// An internal error of llguidance.
    Panicked(String),
}

/// How llguidance 1.9.1 and serde_json begin the messages about their limits: neither has a type for them.
/// `constraint_limits_test.cpp` reaches all of them, and `limit_sentences.test.ts` looks for all in their sources.
const LIMITS: [&str; 11] = [
    "DNF too large",
    "Schema intersection stack level exceeded",
    "Unable to determine if regex is empty: ",
    "can't determine if patternProperty regexes ",
    "fuel exhausted when checking relevance of lexemes",
    "grammar size (number of symbols) too big",
    "initial lexer configuration (grammar) too big",
    "lark grammar too deeply nested",
    "lexer precomputation failed",
    "recursion limit exceeded",
    "schema too large",
];
/// How messages of matchers begin that llguidance itself counts as `LexerTooComplex` and `ParserTooComplex`.
const LIMITS_OF_MATCHERS: [&str; 2] = ["lexer error: ", "parser error: "];
const PANIC: &str = "panic: ";
/// A limit that is an assertion: symbols have 16 bits.
const LIMIT_BY_PANIC: &str = "assertion failed: grammar.symbols.len() < ";

impl Failure {
    /// From an error of compilation. Only the innermost cause counts: the outer ones quote the constraint.
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

    /// From an error of a matcher. The matcher has dropped its parser by then, so that its `stop_reason` is
    /// `InternalError` in every case; the parser's own reason is the text if there is no other.
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
            // A grammar that compiles but allows nothing contradicts itself.
            return Failure::Invalid("nothing that it allows can come next".to_string());
        }
        if begins_with_any(text, &LIMITS_OF_MATCHERS) {
            Failure::TooComplex(text.to_string())
        } else {
            Failure::Invalid(text.to_string())
        }
    }

    /// Removes a backtrace that may follow.
    pub fn panicked(text: &str) -> Self {
        if text.starts_with(LIMIT_BY_PANIC) {
            return Failure::TooComplex("grammar size (number of symbols) too big".to_string());
        }
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
            Failure::TimedOut => {
                "time limit: it leads nowhere, or one step of it takes more than 2 seconds of processor time"
            }
        }
    }
}

fn begins_with_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

/// Removes the positions that llguidance's Lark parser puts before a cause, such as `at 3(8): failed to compile JSON
/// schema: `.
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
