#include "template/nodes.h"

namespace caduceus::templates {

const Value* Scope::find(Name name) const {
  for (const auto& [known, value] : values)
    if (known == name) return &value;
  return nullptr;
}

void Scope::set(Name name, Value value) {
  for (auto& [known, old] : values) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  values.emplace_back(name, std::move(value));
}

Run::Run(const Program& program, const Dict& variables) : out(&output_), scope(&root_) {
  for (const auto& [key, value] : variables.items) {
    const auto it = program.names.find(key.text()->bytes());
    if (it != program.names.end()) root_.set(it->second, value);
  }
}

Flow Run::execute(const Block& block) {
  for (const auto& statement : block) {
    Meter::step();
    try {
      if (const Flow flow = statement->execute(*this); flow != Flow::next) return flow;
    } catch (Failure& failure) {
      if (failure.line == 0) failure.line = statement->line;
      throw;
    }
  }
  return Flow::next;
}

Text Run::capture(const Block& block) {
  Text text;
  Text* const outer = out;
  out = &text;
  execute(block);
  out = outer;
  return text;
}

Value Run::evaluate(const Expression& expression) {
  Meter::step();
  return expression.evaluate(*this);
}

Value Run::lookup(Name name, const std::string& text) const {
  for (const Scope* at = scope; at != nullptr; at = at->parent)
    if (const Value* value = at->find(name)) return *value;
  if (const Builtin function = find_function(text)) return Function::make(text, function);
  return Value::undefined("'" + text + "' is undefined");
}

std::vector<std::pair<Name, Value>> Run::inner_variables() const {
  Scope inner{nullptr, {}};
  for (const Scope* at = scope; at->parent != nullptr; at = at->parent)
    for (const auto& [name, value] : at->values)
      if (inner.find(name) == nullptr) inner.values.emplace_back(name, value);
  Meter::add_values(inner.values.size());
  return inner.values;
}

Value Run::function(const std::string& name, const std::vector<Parameter>& parameters, const Block& body) {
  return Function::make(name, [this, name, &parameters, &body, known = inner_variables()](Call& call) -> Value {
    Meter::step();
    Scope outer{&root_, known};
    Scope own{&outer, {}};
    Scope* const before = scope;
    const size_t loops_before = loops;
    const auto restore = [&] {
      scope = before;
      loops = loops_before;
    };
    try {
      scope = &own;
      loops = 0;
      if (call.arguments.size() > parameters.size())
        throw Failure("macro '" + name + "' takes not more than " + std::to_string(parameters.size()) + " argument(s)");
      for (size_t i = 0; i < parameters.size(); ++i) {
        const auto& [parameter, text, otherwise] = parameters[i];
        const Value* given = call.get(i, text);
        own.set(parameter, given       ? *given
                           : otherwise ? evaluate(*otherwise)
                                       : Value::undefined("'" + text + "' is undefined"));
      }
      for (const auto& [given, _] : call.named) {
        bool known_name = given == "caller";
        for (const auto& parameter : parameters) known_name = known_name || parameter.text == given;
        if (!known_name) throw Failure("macro '" + name + "' takes no keyword argument '" + given + "'");
      }
      if (const Value* caller = call.get(SIZE_MAX, "caller")) own.set(0, *caller);
      Text text = capture(body);
      restore();
      return text;
    } catch (...) {
      restore();
      throw;
    }
  });
}

Value Run::call(const Value& function, Call call) {
  Meter::step();
  const auto* callee = function.as<FunctionPtr>();
  if (callee != nullptr) {
    const FunctionPtr alive = *callee;
    return alive->body(call);
  }
  refuse_undefined(function);
  throw Failure("'" + type_name(function) + "' object is not callable");
}

Flow Output::execute(Run& run) const {
  const Value written = run.evaluate(*value);
  if (const Text* text = written.text())
    run.out->append(*text);
  else
    run.out->append(to_text(written));
  return Flow::next;
}

Flow If::execute(Run& run) const { return run.execute(is_true(run.evaluate(*condition)) ? then : otherwise); }

void Target::assign(Run& run, const Value& value) const {
  if (object) {
    const Value target = run.evaluate(*object);
    Dict* dict = target.dict();
    if (dict == nullptr || !dict->is_namespace) throw Failure("cannot assign attribute on non-namespace object");
    return dict->set(Value::text(attribute), value);
  }
  if (!is_tuple) return run.scope->set(names[0], value);
  const ListPtr items = items_of(value);
  if (items->items.size() != names.size())
    throw Failure(items->items.size() < names.size() ? "not enough values to unpack" : "too many values to unpack");
  for (size_t i = 0; i < names.size(); ++i) run.scope->set(names[i], items->items[i]);
}

Flow For::execute(Run& run) const {
  ListPtr all = items_of(run.evaluate(*items));
  Scope* const outer = run.scope;
  // A body's variables are new in each round.
  Scope scope{outer, {}};
  struct Restore {
    Run& run;
    Scope* scope;
    size_t loops;
    ~Restore() {
      run.scope = scope;
      run.loops = loops;
    }
  } restore{run, outer, run.loops};
  run.scope = &scope;
  if (condition) {
    std::vector<Value> kept;
    for (size_t i = 0; i < all->items.size(); ++i) {
      const Value value = all->items[i];
      target.assign(run, value);
      if (is_true(run.evaluate(*condition))) kept.push_back(value);
    }
    all = List::make(std::move(kept));
  }
  if (all->items.empty()) {
    run.scope = outer;
    return run.execute(otherwise);
  }
  const auto state = std::make_shared<Loop>();
  state->items = all;
  state->depth = ++run.loops;
  for (size_t i = 0; i < all->items.size(); ++i) {
    scope.values.clear();
    state->index = i;
    target.assign(run, all->items[i]);
    scope.set(loop, LoopPtr(state));
    if (run.execute(body) == Flow::breaks) break;
  }
  return Flow::next;
}

Flow Set::execute(Run& run) const {
  target.assign(run, value ? run.evaluate(*value) : Value(run.capture(body)));
  return Flow::next;
}

Flow Macro::execute(Run& run) const {
  run.scope->set(name, run.function(text, parameters, body));
  return Flow::next;
}

Flow CallBlock::execute(Run& run) const {
  const Value function = run.evaluate(*call->callee);
  Call arguments = evaluate_arguments(run, call->arguments);
  arguments.named.emplace_back("caller", run.function("caller", parameters, body));
  run.out->append(to_text(run.call(function, std::move(arguments))));
  return Flow::next;
}

Flow FilterBlock::execute(Run& run) const {
  run.out->append(to_text(filter->apply(run, run.capture(body))));
  return Flow::next;
}

}  // namespace caduceus::templates
