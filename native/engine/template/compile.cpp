// From llama.cpp's syntax tree to our nodes.
#include <algorithm>
#include <typeinfo>

#include "jinja/lexer.h"
#include "jinja/parser.h"
#include "jinja/runtime.h"
#include "template/nodes.h"
#include "template/tokens.h"

namespace caduceus::templates {
namespace {

class Compiler {
 public:
  Compiler(Program& program, const std::string& source) : program_(program) {
    for (size_t at = source.find('\n'); at != std::string::npos; at = source.find('\n', at + 1))
      line_ends_.push_back(at);
    intern("caller");  // name 0
    loop_ = intern("loop");
  }

  Block block(const jinja::statements& statements) {
    Block result;
    for (const auto& node : statements) {
      const size_t line = line_of(*node);
      try {
        if (auto compiled = statement(*node)) {
          compiled->line = line;
          result.push_back(std::move(compiled));
        }
      } catch (Failure& failure) {
        if (failure.line == 0) failure.line = line;
        throw;
      }
    }
    return result;
  }

 private:
  template <typename T>
  static const T* as(const jinja::statement& node) {
    return typeid(node) == typeid(T) ? static_cast<const T*>(&node) : nullptr;
  }

  size_t line_of(const jinja::statement& node) const {
    return static_cast<size_t>(std::lower_bound(line_ends_.begin(), line_ends_.end(), node.pos) - line_ends_.begin()) +
           1;
  }

  Name intern(const std::string& name) {
    return program_.names.emplace(name, static_cast<Name>(program_.names.size())).first->second;
  }

  static const std::string& identifier(const jinja::statement_ptr& node, const char* what) {
    const auto* name = node ? as<jinja::identifier>(*node) : nullptr;
    if (name == nullptr) throw Failure(std::string(what) + " has no name");
    return name->val;
  }

  std::unique_ptr<Statement> statement(const jinja::statement& node) {
    Meter::step();
    if (as<jinja::comment_statement>(node) || as<jinja::noop_statement>(node)) return nullptr;
    if (const auto* it = as<jinja::if_statement>(node)) {
      auto result = std::make_unique<If>();
      result->condition = expression(it->test);
      result->then = block(it->body);
      result->otherwise = block(it->alternate);
      return result;
    }
    if (const auto* it = as<jinja::for_statement>(node)) return loop(*it);
    if (const auto* it = as<jinja::set_statement>(node)) {
      auto result = std::make_unique<Set>();
      result->target = target(*it->assignee, true);
      if (it->val) result->value = expression(it->val);
      result->body = block(it->body);
      return result;
    }
    if (const auto* it = as<jinja::macro_statement>(node)) {
      auto result = std::make_unique<Macro>();
      result->text = identifier(it->name, "a macro");
      result->name = intern(result->text);
      result->parameters = parameters(it->args);
      result->body = block(it->body);
      return result;
    }
    if (const auto* it = as<jinja::call_statement>(node)) {
      const auto* call = as<jinja::call_expression>(*it->call);
      if (call == nullptr) throw Failure("{% call %} needs a call");
      auto result = std::make_unique<CallBlock>();
      result->call = std::make_unique<CallExpression>();
      result->call->callee = expression(call->callee);
      result->call->arguments = arguments(call->args);
      result->parameters = parameters(it->caller_args);
      result->body = block(it->body);
      return result;
    }
    if (const auto* it = as<jinja::filter_statement>(node)) {
      auto result = std::make_unique<FilterBlock>();
      result->filter = filter(*it->filter);
      result->body = block(it->body);
      return result;
    }
    if (as<jinja::break_statement>(node) || as<jinja::continue_statement>(node)) {
      auto result = std::make_unique<Jump>();
      result->flow = as<jinja::break_statement>(node) ? Flow::breaks : Flow::continues;
      return result;
    }
    auto result = std::make_unique<Output>();
    result->value = expression(node);
    return result;
  }

  std::unique_ptr<Statement> loop(const jinja::for_statement& node) {
    auto result = std::make_unique<For>();
    result->target = target(*node.loopvar, false);
    // `for x in items if condition`: the parser takes it for a conditional expression.
    const auto* select = as<jinja::select_expression>(*node.iterable);
    result->items = expression(select ? select->lhs : node.iterable);
    if (select) result->condition = expression(select->test);
    result->body = block(node.body);
    result->otherwise = block(node.default_block);
    result->loop = loop_;
    return result;
  }

  Target target(const jinja::statement& node, bool may_be_attribute) {
    Target result;
    if (const auto* name = as<jinja::identifier>(node)) {
      result.names.push_back(intern(name->val));
    } else if (const auto* tuple = as<jinja::tuple_literal>(node)) {
      result.is_tuple = true;
      for (const auto& item : tuple->val) result.names.push_back(intern(identifier(item, "what is assigned to")));
    } else if (const auto* member = as<jinja::member_expression>(node);
               member != nullptr && !member->computed && may_be_attribute) {
      result.object = expression(member->object);
      result.attribute = identifier(member->property, "an attribute");
    } else {
      throw Failure("it assigns to what is no variable");
    }
    return result;
  }

  std::vector<Run::Parameter> parameters(const jinja::statements& nodes) {
    std::vector<Run::Parameter> result;
    for (const auto& node : nodes) {
      if (const auto* named = as<jinja::keyword_argument_expression>(*node)) {
        const std::string& name = identifier(named->key, "a parameter");
        result.push_back({intern(name), name, expression(named->val)});
      } else {
        const std::string& name = identifier(node, "a parameter");
        result.push_back({intern(name), name, nullptr});
      }
    }
    return result;
  }

  std::vector<Argument> arguments(const jinja::statements& nodes) {
    std::vector<Argument> result;
    for (const auto& node : nodes) {
      Argument argument;
      if (const auto* named = as<jinja::keyword_argument_expression>(*node)) {
        argument.name = identifier(named->key, "an argument");
        argument.value = expression(named->val);
      } else if (const auto* spread = as<jinja::spread_expression>(*node)) {
        argument.is_spread = true;
        argument.value = expression(spread->argument);
      } else {
        argument.value = expression(node);
      }
      result.push_back(std::move(argument));
    }
    return result;
  }

  // The name and the arguments of a filter or a test.
  std::pair<std::string, std::vector<Argument>> named_call(const jinja::statement& node, const char* what) {
    std::pair<std::string, std::vector<Argument>> result;
    if (const auto* name = as<jinja::identifier>(node)) {
      result.first = name->val;
      return result;
    }
    const auto* call = as<jinja::call_expression>(node);
    if (call == nullptr) throw Failure(std::string(what) + " has no name");
    result.first = identifier(call->callee, what);
    result.second = arguments(call->args);
    return result;
  }

  std::unique_ptr<Filter> filter(const jinja::statement& node) {
    auto result = std::make_unique<Filter>();
    auto [name, given] = named_call(node, "a filter");
    result->filter = find_filter(name);
    result->name = std::move(name);
    result->arguments = std::move(given);
    return result;
  }

  ExpressionPtr expression(const jinja::statement_ptr& node) { return node ? expression(*node) : nullptr; }

  ExpressionPtr expression(const jinja::statement& node) {
    Meter::step();
    if (const auto* it = as<jinja::identifier>(node)) return name(it->val);
    if (const auto* it = as<jinja::string_literal>(node)) return literal(Value::text(it->val));
    if (const auto* it = as<jinja::integer_literal>(node)) return literal(Value::integer(it->val));
    if (const auto* it = as<jinja::float_literal>(node)) return literal(it->val);
    if (const auto* it = as<jinja::member_expression>(node)) return member(*it);
    if (const auto* it = as<jinja::call_expression>(node)) {
      if (const auto* callee = as<jinja::identifier>(*it->callee); callee != nullptr && callee->val == single_tuple)
        return list(as<jinja::array_literal>(*it->args.at(0))->val, true);
      auto result = std::make_unique<CallExpression>();
      result->callee = expression(it->callee);
      result->arguments = arguments(it->args);
      return result;
    }
    if (const auto* it = as<jinja::binary_expression>(node)) {
      auto result = std::make_unique<Binary>();
      result->op = operator_of(it->op.value);
      result->left = expression(it->left);
      result->right = expression(it->right);
      return result;
    }
    if (const auto* it = as<jinja::filter_expression>(node)) {
      auto result = filter(*it->filter);
      result->operand = expression(it->operand);
      return result;
    }
    if (const auto* it = as<jinja::test_expression>(node)) {
      auto result = std::make_unique<Test>();
      auto [name, given] = named_call(*it->test, "a test");
      result->test = find_test(name);
      result->name = std::move(name);
      result->arguments = std::move(given);
      result->is_negated = it->negate;
      result->operand = expression(it->operand);
      return result;
    }
    if (const auto* it = as<jinja::unary_expression>(node)) {
      auto result = std::make_unique<Unary>();
      result->op = it->op.value == "not" ? '!' : it->op.value[0];
      result->operand = expression(it->argument);
      return result;
    }
    if (const auto* it = as<jinja::ternary_expression>(node))
      return conditional(it->condition, it->true_expr, it->false_expr);
    if (const auto* it = as<jinja::select_expression>(node)) return conditional(it->test, it->lhs, nullptr);
    if (const auto* it = as<jinja::array_literal>(node)) return list(it->val, false);
    if (const auto* it = as<jinja::tuple_literal>(node)) return list(it->val, true);
    if (const auto* it = as<jinja::object_literal>(node)) {
      auto result = std::make_unique<DictDisplay>();
      for (const auto& [key, value] : it->val) result->items.emplace_back(expression(key), expression(value));
      return result;
    }
    if (as<jinja::blank_expression>(node)) return literal(Value());
    throw Failure("an expression of the kind " + node.type() + " has no value");
  }

  static ExpressionPtr literal(Value value) { return std::make_unique<Literal>(std::move(value)); }

  ExpressionPtr name(const std::string& name) {
    if (name == "true" || name == "True") return literal(true);
    if (name == "false" || name == "False") return literal(false);
    if (name == "none" || name == "None") return literal(None{});
    return std::make_unique<Variable>(intern(name), name);
  }

  ExpressionPtr conditional(const jinja::statement_ptr& condition, const jinja::statement_ptr& then,
                            const jinja::statement_ptr& otherwise) {
    auto result = std::make_unique<Conditional>();
    result->condition = expression(condition);
    result->then = expression(then);
    result->otherwise = expression(otherwise);
    return result;
  }
  ExpressionPtr conditional(const jinja::statement_ptr& condition, const jinja::statement_ptr& then, std::nullptr_t) {
    return conditional(condition, then, jinja::statement_ptr());
  }

  ExpressionPtr list(const jinja::statements& nodes, bool is_tuple) {
    auto result = std::make_unique<ListDisplay>();
    for (const auto& node : nodes) result->items.push_back(expression(node));
    result->is_tuple = is_tuple;
    return result;
  }

  ExpressionPtr member(const jinja::member_expression& node) {
    if (!node.computed) {
      if (const auto* index = as<jinja::integer_literal>(*node.property)) {
        auto result = std::make_unique<Item>();
        result->object = expression(node.object);
        result->key = literal(Value::integer(index->val));
        return result;
      }
      auto result = std::make_unique<Attribute>();
      result->name = identifier(node.property, "an attribute");
      result->object = expression(node.object);
      return result;
    }
    if (const auto* slice = as<jinja::slice_expression>(*node.property)) {
      auto result = std::make_unique<Slice>();
      result->object = expression(node.object);
      result->start = expression(slice->start_expr);
      result->stop = expression(slice->stop_expr);
      result->step = expression(slice->step_expr);
      return result;
    }
    auto result = std::make_unique<Item>();
    result->object = expression(node.object);
    result->key = expression(node.property);
    return result;
  }

  static Operator operator_of(const std::string& symbol) {
    static constexpr std::pair<std::string_view, Operator> symbols[] = {
        {"+", Operator::add},         {"-", Operator::subtract},      {"*", Operator::multiply},
        {"/", Operator::divide},      {"//", Operator::floor_divide}, {"%", Operator::modulo},
        {"**", Operator::power},      {"~", Operator::concatenate},   {"==", Operator::equal},
        {"!=", Operator::unequal},    {"<", Operator::less},          {">", Operator::greater},
        {"<=", Operator::at_most},    {">=", Operator::at_least},     {"in", Operator::in},
        {"not in", Operator::not_in}, {"and", Operator::logical_and}, {"or", Operator::logical_or}};
    for (const auto& [text, op] : symbols)
      if (text == symbol) return op;
    throw Failure("it uses the operator " + symbol + ", which is not known");
  }

  Program& program_;
  std::vector<size_t> line_ends_;
  Name loop_ = 0;
};

// Only \n: the parser's own way takes quadratic time.
std::string with_plain_line_ends(const std::string& source) {
  std::string result;
  result.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      result += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      result += '\n';
  }
  return result;
}

// The first line of what the parser says; the others show the place, which may hold anything.
std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

}  // namespace

std::shared_ptr<const Program> compile(const std::string& source) {
  const std::string text = with_plain_line_ends(source);
  auto program = std::make_shared<Program>();
  try {
    jinja::lexer_result tokens = jinja::lexer().tokenize(text);
    tokens.tokens = rewrite_tokens(tokens.tokens);
    check_tokens(tokens.tokens);
    const jinja::program parsed = jinja::parse_from_tokens(tokens);
    Compiler compiler(*program, text);
    program->body = compiler.block(parsed.body);
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure(first_line(error.what()));
  }
  return program;
}

}  // namespace caduceus::templates
