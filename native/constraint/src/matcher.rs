//! Applies a grammar to one output: which tokens are allowed, and which are forced.

use std::sync::Arc;

use llguidance::toktrie::TokTrie;
use llguidance::TokenParser;

use crate::failure::Failure;
use crate::numbers::{Numbers, NumericTokens};
use crate::step_deadline::{DeadlineList, StepDeadline};
use crate::{guarded, Message, OK};

pub struct Matcher {
    inner: llguidance::Matcher,
    vocabulary_size: usize,
    failure: Option<Failure>,
    numbers: Option<NumberHistory>,
    deadline: StepDeadline,
}

/// State within JSON numbers after each token, so that tokens can be taken back.
struct NumberHistory {
    tokens: Arc<NumericTokens>,
    states: Vec<Numbers>,
}

impl NumberHistory {
    fn now(&self) -> Numbers {
        self.states.last().copied().unwrap_or_default()
    }

    /// State after each of the tokens, up to the first that would make a number overflow.
    fn after(&self, trie: &TokTrie, tokens: &[u32]) -> Vec<Numbers> {
        let mut now = self.now();
        let follow = |token: &u32| now.after(trie.token(*token)).inspect(|next| now = *next);
        tokens.iter().map_while(follow).collect()
    }
}

impl Matcher {
    pub fn new(
        mut parser: TokenParser,
        vocabulary_size: usize,
        numeric: Option<Arc<NumericTokens>>,
        deadlines: &Arc<DeadlineList>,
    ) -> Self {
        let numbers = numeric.map(|tokens| NumberHistory {
            tokens,
            states: Vec::new(),
        });
        let deadline = deadlines.add(parser.enable_cancellation());
        Matcher {
            inner: llguidance::Matcher::new(Ok(parser)),
            vocabulary_size,
            failure: None,
            numbers,
            deadline,
        }
    }

    /// After any failure the matcher stays failed.
    fn run<T>(
        &mut self,
        body: impl FnOnce(&mut llguidance::Matcher, &mut Option<NumberHistory>) -> Result<T, Failure>,
    ) -> Result<T, i32> {
        if let Some(failure) = &self.failure {
            return Err(failure.status());
        }
        let (inner, numbers) = (&mut self.inner, &mut self.numbers);
        let failure = match self.deadline.run(|| guarded(|| body(inner, numbers))) {
            None => Failure::TimedOut,
            Some(Ok(Ok(value))) => return Ok(value),
            Some(Ok(Err(failure))) | Some(Err(failure)) => failure,
        };
        let status = failure.status();
        self.failure = Some(failure);
        Err(status)
    }
}

/// Accepts tokens up to the first that is not allowed.
fn take(
    inner: &mut llguidance::Matcher,
    numbers: &mut Option<NumberHistory>,
    tokens: &[u32],
) -> Result<usize, Failure> {
    let Some(history) = numbers else {
        return inner.try_consume_tokens(tokens).map_err(Failure::of_matching);
    };
    let after = history.after(inner.tok_env().map_err(Failure::of_matching)?.tok_trie(), tokens);
    let taken = inner
        .try_consume_tokens(&tokens[..after.len()])
        .map_err(Failure::of_matching)?;
    history.states.extend(&after[..taken]);
    Ok(taken)
}

#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_free(matcher: *mut Matcher) {
    let _ = guarded(|| drop(Box::from_raw(matcher)));
}

/// Accepts tokens up to the first that is not allowed; returns their number, or a status below 0.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_take(matcher: &mut Matcher, tokens: *const u32, count: usize) -> i64 {
    let tokens = std::slice::from_raw_parts(tokens, count);
    matcher
        .run(|inner, numbers| take(inner, numbers, tokens))
        .map_or_else(i64::from, |taken| taken as i64)
}

/// Number of tokens that are allowed one after the other, or a status below 0. None is accepted.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_allowed(matcher: &mut Matcher, tokens: *const u32, count: usize) -> i64 {
    let tokens = std::slice::from_raw_parts(tokens, count);
    let allowed = matcher.run(|inner, numbers| {
        let allowed = inner.validate_tokens(tokens).map_err(Failure::of_matching)?;
        let Some(history) = numbers else { return Ok(allowed) };
        let vocabulary = inner.tok_env().map_err(Failure::of_matching)?;
        Ok(history.after(vocabulary.tok_trie(), &tokens[..allowed]).len())
    });
    allowed.map_or_else(i64::from, |allowed| allowed as i64)
}

/// Whether that text is allowed next. It is not accepted.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_allows_text(matcher: &mut Matcher, bytes: *const u8, length: usize) -> i64 {
    let bytes = std::slice::from_raw_parts(bytes, length);
    let allowed = matcher.run(|inner, numbers| {
        let tokens = inner
            .tok_env()
            .map_err(Failure::of_matching)?
            .tok_trie()
            .greedy_tokenize(bytes);
        Ok(numbers
            .as_ref()
            .is_none_or(|history| history.now().after(bytes).is_some())
            && inner.validate_tokens(&tokens).map_err(Failure::of_matching)? == tokens.len())
    });
    allowed.map_or_else(i64::from, i64::from)
}

/// Accepts text that came inside a token; false when it is not allowed, and then none or a part of it is accepted.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_take_text(matcher: &mut Matcher, bytes: *const u8, length: usize) -> i64 {
    let bytes = std::slice::from_raw_parts(bytes, length);
    let taken = matcher.run(|inner, numbers| {
        let tokens = inner
            .tok_env()
            .map_err(Failure::of_matching)?
            .tok_trie()
            .greedy_tokenize(bytes);
        Ok(take(inner, numbers, &tokens)? == tokens.len())
    });
    taken.map_or_else(i64::from, i64::from)
}

/// Mask of the tokens allowed next, in `words` of 32 bits.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_mask(matcher: &mut Matcher, mask: *mut u32, words: usize) -> i32 {
    let mask = std::slice::from_raw_parts_mut(mask, words);
    let size = matcher.vocabulary_size;
    let computed = matcher.run(|inner, numbers| {
        let allowed = inner.compute_mask_or_eos().map_err(Failure::of_matching)?;
        mask.fill(0);
        let given = allowed.as_slice();
        let count = given.len().min(words).min(size.div_ceil(32));
        mask[..count].copy_from_slice(&given[..count]);
        if let Some(history) = numbers {
            let (now, trie) = (history.now(), inner.tok_env().map_err(Failure::of_matching)?);
            for token in history.tokens.doubtful(&now) {
                let (word, bit) = (*token as usize / 32, 1 << (token % 32));
                if word < count && mask[word] & bit != 0 && now.after(trie.tok_trie().token(*token)).is_none() {
                    mask[word] &= !bit;
                }
            }
        }
        Ok(())
    });
    computed.map_or_else(|status| status, |()| OK)
}

/// Forced tokens, tokenized as the model would; not accepted. At most `capacity` are written.
#[no_mangle]
pub unsafe extern "C" fn caduceus_matcher_forced(matcher: &mut Matcher, tokens: *mut u32, capacity: usize) -> i64 {
    let forced = matcher.run(|inner, numbers| {
        let mut forced = inner.compute_ff_tokens();
        if let Some(history) = numbers {
            let allowed = history
                .after(inner.tok_env().map_err(Failure::of_matching)?.tok_trie(), &forced)
                .len();
            forced.truncate(allowed);
        }
        inner
            .get_error()
            .map_or(Ok(forced), |error| Err(Failure::of_matching(error)))
    });
    forced.map_or_else(i64::from, |forced| {
        let count = forced.len().min(capacity);
        std::ptr::copy_nonoverlapping(forced.as_ptr(), tokens, count);
        count as i64
    })
}

/// 1 when the output may end here.
#[no_mangle]
pub extern "C" fn caduceus_matcher_accepts(matcher: &mut Matcher) -> i32 {
    matcher
        .run(|inner, _| Ok(inner.is_stopped() || inner.is_accepting().map_err(Failure::of_matching)?))
        .map_or_else(|status| status, i32::from)
}

/// 1 when nothing can follow any more.
#[no_mangle]
pub extern "C" fn caduceus_matcher_stopped(matcher: &mut Matcher) -> i32 {
    matcher
        .run(|inner, _| Ok(inner.is_stopped()))
        .map_or_else(|status| status, i32::from)
}

/// Takes the last tokens back.
#[no_mangle]
pub extern "C" fn caduceus_matcher_rollback(matcher: &mut Matcher, count: usize) -> i32 {
    let back = |inner: &mut llguidance::Matcher, numbers: &mut Option<NumberHistory>| {
        inner.rollback(count).map_err(Failure::of_matching)?;
        if let Some(history) = numbers {
            history.states.truncate(history.states.len().saturating_sub(count));
        }
        Ok(())
    };
    matcher.run(back).map_or_else(|status| status, |()| OK)
}

/// The reason of its failure; an empty message if it has not failed.
#[no_mangle]
pub extern "C" fn caduceus_matcher_error(matcher: &Matcher, message: &mut Message) {
    message.set(matcher.failure.as_ref().map_or("", Failure::text));
}
