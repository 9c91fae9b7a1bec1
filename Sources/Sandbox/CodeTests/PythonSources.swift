import TextCore

/// Programs in Python that call what a model wrote. No expected value is ever in a process that runs the model's code.
enum PythonSources {
    /// What module `site` would do: installed packages can be imported, and `exit` and `quit` are there.
    ///
    /// - Parameter packages: folders of installed packages.
    static func start(_ packages: [String]) -> String {
        let list = JSON.array(packages.map { .string($0) }).text()
        return """
            import builtins, sys
            sys.path += \(list)
            try:
                import _sitebuiltins
                builtins.exit = builtins.quit = _sitebuiltins.Quitter("exit", "Ctrl-D")
            except ImportError:
                builtins.exit = builtins.quit = sys.exit

            """
    }

    /// Runs `answer.py` as the program.
    static let program = #"""
        def load():
            names = sys.modules["__main__"].__dict__
            names.update(__file__="answer.py")
            sys.argv = ["answer.py"]
            for name in ("builtins", "sys", "_sitebuiltins", "load"):
                names.pop(name, None)
            with open("answer.py", "rb") as file:
                return compile(file.read(), "answer.py", "exec"), names

        exec(*load())
        """#

    /// Loads `answer.py`. Asked on standard input for one call, it writes the value to descriptor 3 as JSON; with
    /// `serve` it answers calls on descriptors 4 and 5 until they end.
    static let host = #"""
        import io, json, os, sys, types

        sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None
        sys.setrecursionlimit(10000)


        def load():
            module = types.ModuleType("answer")
            module.__file__ = "answer.py"
            sys.modules["answer"] = module
            with open("answer.py", "rb") as file:
                text = file.read()
            exec(compile(text, "answer.py", "exec"), module.__dict__)
            return module.__dict__


        def find(names, function):
            if function in names:
                return names[function]
            if "Solution" in names and hasattr(names["Solution"], function):
                return getattr(names["Solution"](), function)
            raise NameError("the answer has no function '%s'" % function)


        def plain(value):
            if isinstance(value, (list, tuple)):
                return [plain(element) for element in value]
            if isinstance(value, (set, frozenset)):
                return sorted(plain(element) for element in value)
            if isinstance(value, dict):
                return {str(key): plain(element) for key, element in value.items()}
            return value


        def answer_one():
            question = json.loads(sys.stdin.read())
            sys.stdin = io.StringIO("")
            function = find(load(), question["function"])
            value = function(*question["args"], **question["kwargs"])
            write_all(3, json.dumps({"value": plain(value)}, allow_nan=False).encode())


        def write_all(descriptor, data):
            while data:
                data = data[os.write(descriptor, data):]


        class Wire:
            """Plain values as JSON; whatever else stays here, and a number stands for it."""

            def __init__(self):
                self.kept = []

            def encode(self, value):
                kind = type(value)
                if value is None or kind in (bool, int, float, str):
                    return value
                if isinstance(value, (bool, int, float, str)):
                    for base in (bool, int, float, str):
                        if isinstance(value, base):
                            return base(value)
                if isinstance(value, list):
                    return [self.encode(element) for element in value]
                for base, name in ((tuple, "tuple"), (set, "set"), (frozenset, "frozenset")):
                    if isinstance(value, base):
                        return {"t": name, "v": [self.encode(element) for element in value]}
                if isinstance(value, dict):
                    return {"t": "dict", "v": [[self.encode(key), self.encode(value[key])] for key in value]}
                if isinstance(value, (bytes, bytearray)):
                    return {"t": type(value).__name__, "v": value.decode("latin-1")}
                if isinstance(value, complex):
                    return {"t": "complex", "v": [value.real, value.imag]}
                if isinstance(value, (range, map, filter, zip, types.GeneratorType, type({}.keys()), type({}.values()),
                                      type({}.items()))):
                    elements = []
                    for element in value:
                        elements.append(self.encode(element))
                        if len(elements) > 100000:
                            raise ValueError("more than 100000 elements")
                    return {"t": "iterator", "v": elements}
                self.kept.append(value)
                return {"t": "object", "v": len(self.kept) - 1, "type": kind.__name__}

            def decode(self, value):
                if isinstance(value, list):
                    return [self.decode(element) for element in value]
                if not isinstance(value, dict):
                    return value
                kind, content = value["t"], value["v"]
                if kind == "dict":
                    return {self.decode(key): self.decode(element) for key, element in content}
                if kind == "object":
                    return self.kept[content]
                if kind in ("bytes", "bytearray"):
                    return {"bytes": bytes, "bytearray": bytearray}[kind](content.encode("latin-1"))
                if kind == "complex":
                    return complex(*content)
                return {"tuple": tuple, "set": set, "frozenset": frozenset, "iterator": iter}[kind](
                    [self.decode(element) for element in content])


        def serve():
            wire = Wire()
            questions, answers = os.fdopen(4, "r", encoding="utf-8"), 5

            def say(message):
                write_all(answers, (json.dumps(message) + "\n").encode())

            try:
                names = load()
                known = {}
                for name, value in list(names.items()):
                    if name.startswith("__"):
                        continue
                    if isinstance(value, type) and issubclass(value, BaseException):
                        known[name] = "exception"
                    elif callable(value):
                        known[name] = "callable"
                    elif isinstance(value, (bool, int, float, str, list, tuple, dict, set, type(None))):
                        known[name] = "value"
                say({"names": known})
            except BaseException as error:
                say({"error": type(error).__name__, "message": str(error)[:500]})
                return
            for line in questions:
                question = json.loads(line)
                try:
                    arguments = wire.decode(question.get("args", []))
                    named = {key: wire.decode(value) for key, value in question.get("kwargs", {}).items()}
                    target = wire.kept[question["object"]] if "object" in question else None
                    name = question["name"]
                    if target is None:
                        subject = find(names, name)
                    else:
                        subject = getattr(target, name) if name else target
                    if question["do"] == "get":
                        value = subject
                    else:
                        value = subject(*arguments, **named)
                    reply = {"value": wire.encode(value)}
                    changed = [argument if isinstance(argument, (list, dict, set, bytearray)) else None
                               for argument in arguments]
                    if any(argument is not None for argument in changed):
                        reply["args"] = [None if argument is None else wire.encode(argument) for argument in changed]
                    text = json.dumps(reply)
                except BaseException as error:
                    text = json.dumps({"error": type(error).__name__, "message": str(error)[:500]})
                write_all(answers, (text + "\n").encode())


        serve() if sys.argv[1:] == ["serve"] else answer_one()
        """#

    /// Runs tests against an answer that is in another process, and writes the verdicts to descriptor 3.
    ///
    /// Every value that a test sees is built here from plain data: an answer cannot bring an `__eq__` of its own.
    static let tester = #"""
        import builtins, json, os, sys, types, unittest

        sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None
        question = json.loads(sys.stdin.read())
        answers, questions = os.fdopen(4, "rb"), 5
        line_limit = 64 << 20


        class AnswerGone(Exception):
            pass


        def write_all(descriptor, data):
            while data:
                try:
                    data = data[os.write(descriptor, data):]
                except BrokenPipeError:
                    raise AnswerGone("the answer's process has ended") from None


        def receive():
            line = answers.readline(line_limit)
            if not line.endswith(b"\n"):
                raise AnswerGone("the answer's process has ended")
            message = json.loads(line)
            if not isinstance(message, dict):
                raise AnswerGone("the answer's process sent something else")
            return message


        class Remote:
            """Something that only the answer's process has."""

            def __init__(self, number, name):
                object.__setattr__(self, "_number", number)
                object.__setattr__(self, "_name", name)

            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return Member(self._number, name)

            def __call__(self, *arguments, **named):
                return ask("call", "", self._number, arguments, named)


        class Member:
            """An attribute of such a thing: a method when it is called, a value when it is compared."""

            def __init__(self, number, name):
                self._number, self._name = number, name

            def __call__(self, *arguments, **named):
                return ask("call", self._name, self._number, arguments, named)

            def _value(self):
                return ask("get", self._name, self._number, (), {})

            def __eq__(self, other):
                return self._value() == (other._value() if isinstance(other, Member) else other)

            __hash__ = None

            def __lt__(self, other): return self._value() < other
            def __le__(self, other): return self._value() <= other
            def __gt__(self, other): return self._value() > other
            def __ge__(self, other): return self._value() >= other
            def __bool__(self): return bool(self._value())
            def __len__(self): return len(self._value())
            def __iter__(self): return iter(self._value())
            def __contains__(self, element): return element in self._value()
            def __getitem__(self, key): return self._value()[key]
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return getattr(self._value(), name)
            def __str__(self): return str(self._value())
            def __repr__(self): return repr(self._value())
            def __add__(self, other): return self._value() + other
            def __sub__(self, other): return self._value() - other
            def __mul__(self, other): return self._value() * other


        def encode(value):
            kind = type(value)
            if value is None or kind in (bool, int, float, str):
                return value
            if kind is list:
                return [encode(element) for element in value]
            if isinstance(value, Remote):
                return {"t": "object", "v": value._number}
            if isinstance(value, Member):
                return encode(value._value())
            if kind in (tuple, set, frozenset):
                return {"t": kind.__name__, "v": [encode(element) for element in value]}
            if isinstance(value, dict):
                return {"t": "dict", "v": [[encode(key), encode(element)] for key, element in value.items()]}
            if kind in (bytes, bytearray):
                return {"t": kind.__name__, "v": value.decode("latin-1")}
            if kind is complex:
                return {"t": "complex", "v": [value.real, value.imag]}
            if isinstance(value, (range, map, filter, zip, types.GeneratorType)):
                return {"t": "iterator", "v": [encode(element) for element in value]}
            if isinstance(value, (bool, int, float, str, list, tuple)):
                for base in (bool, int, float, str, list, tuple):
                    if isinstance(value, base):
                        return encode(base(value))
            raise TypeError("a test cannot pass %s to an answer that runs in another process" % kind.__name__)


        def decode(value):
            if isinstance(value, list):
                return [decode(element) for element in value]
            if not isinstance(value, dict):
                return value
            kind, content = value["t"], value["v"]
            if kind == "dict":
                return {decode(key): decode(element) for key, element in content}
            if kind == "object":
                return Remote(int(content), str(value.get("type")))
            if kind in ("bytes", "bytearray"):
                return {"bytes": bytes, "bytearray": bytearray}[kind](content.encode("latin-1"))
            if kind == "complex":
                return complex(*content)
            return {"tuple": tuple, "set": set, "frozenset": frozenset, "iterator": iter}[kind](
                [decode(element) for element in content])


        asked = 0
        exceptions = {}


        def ask(action, name, number, arguments, named):
            global asked
            asked += 1
            message = {"do": action, "name": name, "args": encode(list(arguments)),
                       "kwargs": {key: encode(value) for key, value in named.items()}}
            if number is not None:
                message["object"] = number
            write_all(questions, (json.dumps(message) + "\n").encode())
            reply = receive()
            if "error" in reply:
                raise error_of(reply)
            for argument, changed in zip(arguments, decode(reply.get("args", []))):
                if type(argument) is type(changed) and argument != changed:
                    if isinstance(argument, (list, bytearray)):
                        argument[:] = changed
                    elif isinstance(argument, (dict, set)):
                        argument.clear()
                        argument.update(changed)
            return decode(reply["value"])


        def error_of(reply):
            name, text = str(reply["error"]), str(reply.get("message"))
            known = exceptions.get(name) or getattr(builtins, name, None)
            if isinstance(known, type) and issubclass(known, Exception):
                try:
                    return known(text)
                except Exception:
                    pass
            return type(name, (Exception,), {})(text)


        def function(name):
            def call(*arguments, **named):
                return ask("call", name, None, arguments, named)
            call.__name__ = call.__qualname__ = name
            return call


        class Answer(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return function(name)


        def prepared(known):
            names = {}
            for name, kind in known.items():
                # An answer that brings a `set` or an `all` of its own decides no test with it.
                if hasattr(builtins, name):
                    continue
                if kind == "exception":
                    names[name] = exceptions[name] = type(name, (Exception,), {})
                elif kind == "callable":
                    names[name] = function(name)
                elif kind == "value":
                    names[name] = ask("get", name, None, (), {})
            return names


        def run(source, names):
            space = dict(names, __name__="tests")
            exec(compile(question["setup"], "setup", "exec"), space)
            exec(compile(source, "test", "exec"), space)
            # What the test itself defines, also under a name that the answer has.
            own = {name: value for name, value in space.items() if value is not names.get(name)}
            entry = question["entry_point"]
            if entry and callable(own.get("check")):
                own["check"](function(entry))
            for name, value in own.items():
                if isinstance(value, type) and issubclass(value, unittest.TestCase):
                    outcome = unittest.TestResult()
                    unittest.defaultTestLoader.loadTestsFromTestCase(value).run(outcome)
                    problems = outcome.failures + outcome.errors
                    if problems:
                        raise AssertionError(problems[0][1].strip().splitlines()[-1])
                elif name.startswith("test") and isinstance(value, types.FunctionType):
                    value()


        def main():
            results = []
            try:
                hello = receive()
                if "error" in hello:
                    raise error_of(hello)
                names = prepared(hello["names"])
                module = Answer("answer")
                module.__dict__.update(names)
                for name in ("answer", "solution", "main", question["module"]):
                    if name:
                        sys.modules[name] = module
                problem = None
            except BaseException as error:
                problem = "%s: %s" % (type(error).__name__, error)
            for source in question["tests"]:
                global asked
                asked = 0
                verdict = problem
                if verdict is None:
                    try:
                        run(source, names)
                        if asked == 0:
                            verdict = "the test never used the answer"
                    except BaseException as error:
                        verdict = "%s: %s" % (type(error).__name__, error)
                results.append({"passed": verdict is None, "message": "" if verdict is None else verdict[:300]})
            write_all(3, json.dumps({"results": results}).encode())


        main()
        """#
}
