//! The tokens of a model as a trie, and the model's tokenization of text.

use std::ffi::c_void;
use std::sync::Arc;

use llguidance::api::ParserLimits;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::ParserFactory;

use crate::failure::Failure;
use crate::numbers::NumericTokens;
use crate::step_deadline::{StepDeadlines, ThreadTimes};
use crate::{guarded, Message, INVALID, OK};

/// Tokenizes: writes at most `capacity` tokens of the text and returns their full number. Called on any thread,
/// concurrently.
pub type Tokenize =
    extern "C" fn(data: *const c_void, text: *const u8, length: usize, tokens: *mut u32, capacity: usize) -> usize;

struct Environment {
    trie: TokTrie,
    tokenize: Tokenize,
    data: usize,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, text: &[u8]) -> Vec<TokenId> {
        let mut tokens = vec![0; text.len() + 1];
        let count = (self.tokenize)(
            self.data as *const c_void,
            text.as_ptr(),
            text.len(),
            tokens.as_mut_ptr(),
            tokens.len(),
        );
        tokens.truncate(count);
        // A tokenization that does not reproduce these bytes (half a character, a normalizing tokenizer) is unusable
        // here.
        if self.trie.decode_raw(&tokens) == text {
            tokens
        } else {
            self.trie.greedy_tokenize(text)
        }
    }
}

pub struct Vocabulary {
    pub factory: ParserFactory,
    pub numeric: Arc<NumericTokens>,
    pub size: usize,
    pub deadlines: StepDeadlines,
}

#[repr(C)]
pub struct VocabularyInit {
    pub size: u32,
    /// `u32::MAX` where there is none.
    pub end_token: u32,
    /// Of each token; 0 for those that no text is made of.
    pub lengths: *const u32,
    /// All of them, one after the other.
    pub bytes: *const u8,
    pub tokenize: Tokenize,
    pub data: *const c_void,
    pub times: ThreadTimes,
}

#[no_mangle]
pub unsafe extern "C" fn caduceus_vocabulary_new(
    init: &VocabularyInit,
    out: &mut *mut Vocabulary,
    message: &mut Message,
) -> i32 {
    let made = guarded(|| {
        let mut words = Vec::with_capacity(init.size as usize);
        let mut at = init.bytes;
        for length in std::slice::from_raw_parts(init.lengths, init.size as usize) {
            words.push(std::slice::from_raw_parts(at, *length as usize).to_vec());
            at = at.add(*length as usize);
        }
        let trie = TokTrie::from(&TokRxInfo::new(init.size, init.end_token), &words);
        let numeric = Arc::new(NumericTokens::new(&trie));
        let environment: TokEnv = Arc::new(Environment {
            trie,
            tokenize: init.tokenize,
            data: init.data as usize,
        });
        let mut factory = ParserFactory::new(
            &environment,
            InferenceCapabilities::default(),
            &SlicedBiasComputer::json_slices(),
        )
        .map_err(|error| Failure::of_compiling(&error))?;
        factory.quiet();
        *factory.limits_mut() = limits();
        let deadlines = StepDeadlines::new(init.times).map_err(|error| Failure::of_compiling(&error.into()))?;
        Ok::<_, Failure>(Vocabulary {
            factory,
            numeric,
            size: init.size as usize,
            deadlines,
        })
    });
    match made {
        Ok(Ok(vocabulary)) => {
            *out = Box::into_raw(Box::new(vocabulary));
            OK
        }
        Ok(Err(failure)) | Err(failure) => {
            message.set(failure.text());
            INVALID
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn caduceus_vocabulary_free(vocabulary: *mut Vocabulary) {
    let _ = guarded(|| drop(Box::from_raw(vocabulary)));
}

fn limits() -> ParserLimits {
    // 1,000 optional properties make 4,000 items; what a single step may cost stays limited by `step_max_items`, some 3 ms.
    ParserLimits {
        verbose_errors: false,
        max_items_in_row: 10_000,
        ..ParserLimits::default()
    }
}
