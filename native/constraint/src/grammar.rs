//! A compiled constraint, and the matchers made from it.

use std::sync::{Arc, Mutex, MutexGuard};

use llguidance::api::TopLevelGrammar;
use llguidance::TokenParser;

use crate::failure::Failure;
use crate::matcher::Matcher;
use crate::numbers::NumericTokens;
use crate::step_deadline::DeadlineList;
use crate::vocabulary::Vocabulary;
use crate::{guarded, Message, INVALID, OK};

/// Matchers share the states of their lexer, which accumulate (1-2 kB each). Beyond this number they are dropped with
/// the matcher that made them.
const MOST_SHARED_STATES: usize = 10_000;

pub struct Grammar {
    pristine: TokenParser,
    shared: Mutex<TokenParser>,
    vocabulary_size: usize,
    /// Set if its texts are JSON, whose numbers must stay finite.
    numeric: Option<Arc<NumericTokens>>,
    deadlines: Arc<DeadlineList>,
}

/// `kind`: 0 Lark, 1 JSON Schema, 2 a regular expression as JavaScript reads it, 3 Lark whose texts are JSON between tags. Slow;
/// any thread with a large stack.
#[no_mangle]
pub unsafe extern "C" fn caduceus_grammar_new(
    vocabulary: &Vocabulary,
    kind: i32,
    text: *const u8,
    length: usize,
    out: &mut *mut Grammar,
    message: &mut Message,
) -> i32 {
    let text = std::slice::from_raw_parts(text, length);
    match guarded(|| compile(vocabulary, kind, text)) {
        Ok(Ok(grammar)) => {
            *out = Box::into_raw(Box::new(grammar));
            OK
        }
        Ok(Err(failure)) | Err(failure) => {
            message.set(failure.text());
            failure.status()
        }
    }
}

impl Grammar {
    /// The shared parser; replaced by a fresh one when it is broken or has grown too large.
    fn usable(&self) -> MutexGuard<'_, TokenParser> {
        // A panic under the lock leaves only a parser that is replaced here.
        let (mut shared, was_poisoned) = match self.shared.lock() {
            Ok(shared) => (shared, false),
            Err(poisoned) => (poisoned.into_inner(), true),
        };
        let is_usable = guarded(|| shared.parser.lexer_stats())
            .is_ok_and(|stats| !stats.error && stats.num_states <= MOST_SHARED_STATES);
        if was_poisoned || !is_usable {
            *shared = self.pristine.deep_clone();
        }
        shared
    }
}

fn compile(vocabulary: &Vocabulary, kind: i32, text: &[u8]) -> Result<Grammar, Failure> {
    let text = std::str::from_utf8(text).map_err(|_| Failure::Invalid("it is not valid UTF-8".to_string()))?;
    let grammar = match kind {
        0 | 3 => TopLevelGrammar::from_lark(text.to_string()),
        1 => TopLevelGrammar::from_json_schema(
            serde_json::from_str(text).map_err(|error| Failure::of_compiling(&error.into()))?,
        ),
        _ => TopLevelGrammar::from_lark(format!("start: /{}/", llguidance::regex_to_lark(text, "dw"))),
    };
    let mut parser = vocabulary
        .factory
        .create_parser(grammar)
        .map_err(|error| Failure::of_compiling(&error))?;
    // Clones have their own cancellation handles.
    let deadlines = vocabulary.deadlines.list();
    let step = deadlines.add(parser.enable_cancellation());
    step.run(|| parser.start_without_prompt()).ok_or(Failure::TimedOut)?;
    let numeric = matches!(kind, 1 | 3).then(|| vocabulary.numeric.clone());
    Ok(Grammar {
        pristine: parser.deep_clone(),
        shared: Mutex::new(parser),
        vocabulary_size: vocabulary.size,
        numeric,
        deadlines,
    })
}

#[no_mangle]
pub unsafe extern "C" fn caduceus_grammar_free(grammar: *mut Grammar) {
    let _ = guarded(|| drop(Box::from_raw(grammar)));
}

/// Called when a matcher has been freed: drops the states it added, if they are many.
#[no_mangle]
pub extern "C" fn caduceus_grammar_trim(grammar: &Grammar) {
    let _ = guarded(|| drop(grammar.usable()));
}

/// Approximate memory, including what its matchers have added.
#[no_mangle]
pub extern "C" fn caduceus_grammar_bytes(grammar: &Grammar) -> usize {
    let bytes = |parser: &TokenParser| parser.parser.lexer_stats().num_bytes;
    guarded(|| bytes(&grammar.pristine) + grammar.shared.lock().map_or(0, |shared| bytes(&shared))).unwrap_or(0)
}

/// A matcher at the beginning of its output. Matchers of one grammar are used by one thread.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_new(grammar: &Grammar, out: &mut *mut Matcher) -> i32 {
    let made = guarded(|| {
        // A panic under the lock leaves only a parser that is replaced here.
        Matcher::new(
            grammar.usable().clone(),
            grammar.vocabulary_size,
            grammar.numeric.clone(),
            &grammar.deadlines,
        )
    });
    match made {
        Ok(matcher) => {
            *out = Box::into_raw(Box::new(matcher));
            OK
        }
        Err(_) => INVALID,
    }
}
