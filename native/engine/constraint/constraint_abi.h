// The C interface of native/constraint, the Rust crate around llguidance. Only constraint.cpp calls it.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct CaduceusVocabulary;
struct CaduceusGrammar;
struct CaduceusMatcher;

// Status codes; counts and booleans are 0 and above.
enum : int32_t { CADUCEUS_OK = 0, CADUCEUS_INVALID = -1, CADUCEUS_TOO_COMPLEX = -2, CADUCEUS_PANICKED = -3 };

struct CaduceusMessage {
  char* text;
  size_t capacity;
  size_t length;
};

struct CaduceusVocabularyInit {
  uint32_t size;
  uint32_t end_token;       // UINT32_MAX where there is none
  const uint32_t* lengths;  // length in bytes of each token; 0 for tokens that stand for no text
  const uint8_t* bytes;
  // Tokenizes a text: writes at most `capacity` tokens and returns their full number. Called on several threads.
  size_t (*tokenize)(const void* data, const uint8_t* text, size_t length, uint32_t* tokens, size_t capacity);
  const void* data;
  // The calling thread, and the processor time of such a one in milliseconds; negative when it has ended.
  uint64_t (*calling_thread)();
  double (*running_ms)(uint64_t thread);
};

int32_t caduceus_vocabulary_new(const CaduceusVocabularyInit* init, CaduceusVocabulary** out, CaduceusMessage* message);
void caduceus_vocabulary_free(CaduceusVocabulary* vocabulary);

int32_t caduceus_grammar_new(const CaduceusVocabulary* vocabulary, int32_t kind, const uint8_t* text, size_t length,
                             CaduceusGrammar** out, CaduceusMessage* message);
void caduceus_grammar_free(CaduceusGrammar* grammar);
void caduceus_grammar_trim(const CaduceusGrammar* grammar);
size_t caduceus_grammar_bytes(const CaduceusGrammar* grammar);

int32_t caduceus_matcher_new(const CaduceusGrammar* grammar, CaduceusMatcher** out);
void caduceus_matcher_free(CaduceusMatcher* matcher);
int64_t caduceus_matcher_take(CaduceusMatcher* matcher, const uint32_t* tokens, size_t count);
int64_t caduceus_matcher_allowed(CaduceusMatcher* matcher, const uint32_t* tokens, size_t count);
int64_t caduceus_matcher_allows_text(CaduceusMatcher* matcher, const uint8_t* bytes, size_t length);
int64_t caduceus_matcher_take_text(CaduceusMatcher* matcher, const uint8_t* bytes, size_t length);
int32_t caduceus_matcher_mask(CaduceusMatcher* matcher, uint32_t* mask, size_t words);
int64_t caduceus_matcher_forced(CaduceusMatcher* matcher, uint32_t* tokens, size_t capacity);
int32_t caduceus_matcher_accepts(CaduceusMatcher* matcher);
int32_t caduceus_matcher_stopped(CaduceusMatcher* matcher);
int32_t caduceus_matcher_rollback(CaduceusMatcher* matcher, size_t count);
void caduceus_matcher_error(const CaduceusMatcher* matcher, CaduceusMessage* message);
}
