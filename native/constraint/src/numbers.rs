//! Keeps the numbers of JSON finite as doubles: llguidance itself allows any number of digits, and any exponent.

use llguidance::toktrie::TokTrie;

/// Digits of the whole part and its exponent together: below 10^308.
const MOST_DIGITS: u32 = 308;
const MOST_EXPONENT_DIGITS: u32 = 3;

#[derive(Clone, Copy, Default, PartialEq)]
enum Place {
    #[default]
    Between,
    Text,
    Escape,
    Whole,
    Fraction,
    Exponent,
}

/// State within a JSON text. A number may end wherever a digit of it is refused.
#[derive(Clone, Copy, Default)]
pub struct Numbers {
    place: Place,
    whole: u32,
    exponent: u32,
    exponent_digits: u32,
    is_negative: bool,
}

impl Numbers {
    /// State after some bytes; `None` if a number in them would overflow.
    pub fn after(mut self, bytes: &[u8]) -> Option<Numbers> {
        bytes.iter().all(|byte| self.step(*byte)).then_some(self)
    }

    fn step(&mut self, byte: u8) -> bool {
        match (self.place, byte) {
            (Place::Text, b'"') => self.place = Place::Between,
            (Place::Text, b'\\') => self.place = Place::Escape,
            (Place::Text, _) => {}
            (Place::Escape, _) => self.place = Place::Text,
            (Place::Whole, b'0'..=b'9') => {
                self.whole += 1;
                return self.whole <= MOST_DIGITS;
            }
            (Place::Whole, b'.') => self.place = Place::Fraction,
            (Place::Fraction, b'0'..=b'9') => {}
            (Place::Whole | Place::Fraction, b'e' | b'E') => self.place = Place::Exponent,
            (Place::Exponent, b'+') => {}
            (Place::Exponent, b'-') => self.is_negative = true,
            (Place::Exponent, b'0'..=b'9') => {
                self.exponent = self.exponent * 10 + u32::from(byte - b'0');
                self.exponent_digits += 1;
                return self.exponent_digits <= MOST_EXPONENT_DIGITS
                    && (self.is_negative || self.whole + self.exponent <= MOST_DIGITS);
            }
            (_, b'"') => {
                *self = Numbers {
                    place: Place::Text,
                    ..Numbers::default()
                }
            }
            (_, b'-') => {
                *self = Numbers {
                    place: Place::Whole,
                    ..Numbers::default()
                }
            }
            (_, b'0'..=b'9') => {
                *self = Numbers {
                    place: Place::Whole,
                    whole: 1,
                    ..Numbers::default()
                }
            }
            _ => self.place = Place::Between,
        }
        true
    }
}

/// The tokens of a vocabulary that can make a number overflow.
pub struct NumericTokens {
    with_digits: Vec<u32>,
    /// A part of `with_digits`: an exponent in one token.
    with_exponents: Vec<u32>,
    longest: u32,
}

impl NumericTokens {
    pub fn new(trie: &TokTrie) -> Self {
        let bytes = |token: u32| trie.token(token);
        let with_digits: Vec<u32> = (0..trie.vocab_size() as u32)
            .filter(|token| bytes(*token).iter().any(u8::is_ascii_digit))
            .collect();
        let is_exponent = |window: &[u8]| {
            matches!(window[0], b'e' | b'E') && (window[1].is_ascii_digit() || matches!(window[1], b'+' | b'-'))
        };
        let with_exponents = with_digits
            .iter()
            .copied()
            .filter(|token| bytes(*token).windows(2).any(is_exponent))
            .collect();
        let longest = with_digits
            .iter()
            .map(|token| bytes(*token).len() as u32)
            .max()
            .unwrap_or(0);
        NumericTokens {
            with_digits,
            with_exponents,
            longest,
        }
    }

    /// The tokens that must be checked in this state.
    pub fn doubtful(&self, at: &Numbers) -> &[u32] {
        let is_long = at.place == Place::Whole && at.whole + self.longest > MOST_DIGITS;
        if is_long || at.place == Place::Exponent || self.longest > MOST_DIGITS {
            &self.with_digits
        } else {
            &self.with_exponents
        }
    }
}
