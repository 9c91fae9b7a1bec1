import Foundation

// The fuzzer of every reader of outside input; `fuzz.sh` and the test I10 call it.
#if HONE_LIBFUZZER
    do {
        exit(try LibFuzzer.run(CommandLine.arguments))
    } catch {
        fail("\(error)")
    }
#else
    do {
        exit(try Commands(Array(CommandLine.arguments.dropFirst())).run())
    } catch {
        fail("\(error)")
    }
#endif

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("hone-fuzz: \(message)\n".utf8))
    exit(64)
}
