// A compiled template: llama.cpp's parser reads it, and its syntax tree becomes these nodes. They take a step of the
// meter each, keep the marks of what the caller wrote, and behave as Python's Jinja. Immutable: any thread may run it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "template/values/value.h"

namespace caduceus::templates {

using Name = uint32_t;  // of a variable

class Run;

struct Expression {
  virtual ~Expression() = default;
  virtual Value evaluate(Run& run) const = 0;
};
using ExpressionPtr = std::unique_ptr<Expression>;

enum class Flow { next, breaks, continues };

struct Statement {
  size_t line = 0;
  virtual ~Statement() = default;
  // What it writes goes to run.out.
  virtual Flow execute(Run& run) const = 0;
};
using Block = std::vector<std::unique_ptr<Statement>>;

struct Program {
  Block body;
  std::unordered_map<std::string, Name> names;
};

// Throws Failure for what is no template, or too large a one.
std::shared_ptr<const Program> compile(const std::string& source);

struct Scope {
  Scope* parent;
  std::vector<std::pair<Name, Value>> values;

  const Value* find(Name name) const;
  void set(Name name, Value value);
};

// One rendering. The thread must have a large stack.
class Run {
 public:
  Run(const Program& program, const Dict& variables);
  Text take_output() { return std::move(output_); }

  Flow execute(const Block& block);
  // What the block writes.
  Text capture(const Block& block);
  Value evaluate(const Expression& expression);
  Value lookup(Name name, const std::string& text) const;
  // The variables of all scopes inside the outermost.
  std::vector<std::pair<Name, Value>> inner_variables() const;
  // A function that runs a block with parameters, in the scopes of now: a macro, or what `{% call %}` holds.
  struct Parameter {
    Name name;
    std::string text;
    ExpressionPtr otherwise;
  };
  Value function(const std::string& name, const std::vector<Parameter>& parameters, const Block& body);
  Value call(const Value& function, Call call);

  Text* out = nullptr;
  Scope* scope = nullptr;
  size_t loops = 0;  // that we are in

 private:
  Scope root_{nullptr, {}};
  Text output_;
};

}  // namespace caduceus::templates
