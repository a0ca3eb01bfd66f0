// The nodes of a compiled template. compile.cpp makes them; expressions.cpp and statements.cpp run them.
#pragma once

#include <optional>

#include "template/builtins/builtins.h"
#include "template/program.h"

namespace caduceus::templates {

struct Literal : Expression {
  Value value;
  explicit Literal(Value value) : value(std::move(value)) {}
  Value evaluate(Run&) const override { return value; }
};

struct Variable : Expression {
  Name name;
  std::string text;
  Variable(Name name, std::string text) : name(name), text(std::move(text)) {}
  Value evaluate(Run& run) const override { return run.lookup(name, text); }
};

struct ListDisplay : Expression {
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  Value evaluate(Run& run) const override;
};

struct DictDisplay : Expression {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
  Value evaluate(Run& run) const override;
};

enum class Operator {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  concatenate,
  equal,
  unequal,
  less,
  greater,
  at_most,
  at_least,
  in,
  not_in,
  logical_and,
  logical_or
};

struct Binary : Expression {
  Operator op = Operator::add;
  ExpressionPtr left, right;
  Value evaluate(Run& run) const override;
};

struct Unary : Expression {
  char op = '-';  // '!' for `not`
  ExpressionPtr operand;
  Value evaluate(Run& run) const override;
};

struct Conditional : Expression {
  ExpressionPtr condition, then, otherwise;  // otherwise may be null: undefined
  Value evaluate(Run& run) const override;
};

struct Attribute : Expression {
  ExpressionPtr object;
  std::string name;
  Value evaluate(Run& run) const override;
};

struct Item : Expression {
  ExpressionPtr object, key;
  Value evaluate(Run& run) const override;
};

struct Slice : Expression {
  ExpressionPtr object, start, stop, step;  // the last three may be null
  Value evaluate(Run& run) const override;
};

struct Argument {
  std::string name;  // empty: by position
  bool is_spread = false;
  ExpressionPtr value;
};

struct CallExpression : Expression {
  ExpressionPtr callee;
  std::vector<Argument> arguments;
  Value evaluate(Run& run) const override;
};

struct Filter : Expression {
  ExpressionPtr operand;     // null in `{% filter %}`
  Builtin filter = nullptr;  // null where there is none of this name: a failure only where it is applied
  std::string name;
  std::vector<Argument> arguments;
  Value apply(Run& run, Value value) const;
  Value evaluate(Run& run) const override { return apply(run, run.evaluate(*operand)); }
};

struct Test : Expression {
  ExpressionPtr operand;
  Builtin test = nullptr;  // as above
  std::string name;
  bool is_negated = false;
  std::vector<Argument> arguments;
  Value evaluate(Run& run) const override;
};

Call evaluate_arguments(Run& run, const std::vector<Argument>& arguments);

// -- statements --

struct Output : Statement {
  ExpressionPtr value;
  Flow execute(Run& run) const override;
};

struct If : Statement {
  ExpressionPtr condition;
  Block then, otherwise;
  Flow execute(Run& run) const override;
};

// What is assigned to: one name, several, or an attribute of a namespace.
struct Target {
  std::vector<Name> names;
  bool is_tuple = false;
  ExpressionPtr object;
  std::string attribute;
  void assign(Run& run, const Value& value) const;
};

struct For : Statement {
  Target target;
  ExpressionPtr items, condition;  // condition may be null
  Block body, otherwise;
  Name loop = 0;
  Flow execute(Run& run) const override;
};

struct Set : Statement {
  Target target;
  ExpressionPtr value;  // null: the text of the block
  Block body;
  Flow execute(Run& run) const override;
};

struct Macro : Statement {
  Name name = 0;
  std::string text;
  std::vector<Run::Parameter> parameters;
  Block body;
  Flow execute(Run& run) const override;
};

struct CallBlock : Statement {
  std::unique_ptr<CallExpression> call;
  std::vector<Run::Parameter> parameters;
  Block body;
  Name caller = 0;
  Flow execute(Run& run) const override;
};

struct FilterBlock : Statement {
  std::unique_ptr<Filter> filter;
  Block body;
  Flow execute(Run& run) const override;
};

struct Jump : Statement {
  Flow flow = Flow::breaks;
  Flow execute(Run&) const override { return flow; }
};

}  // namespace caduceus::templates
