import COpenBLAS
import Foundation
import TensorCore
import TextCore

/// Matrix products of training and decoding, in GFLOP/s, beside OpenBLAS in the same process.
struct ProductBenchmark {
    /// Rows × columns × depth, as layers and the head of SmolLM2-135M have them.
    static let shapes = [
        (1024, 576, 576), (1024, 1536, 576), (1024, 576, 1536), (256, 1536, 576), (1024, 49152, 576), (16, 1536, 576),
        (16, 49152, 576), (1, 1536, 576), (1, 49152, 576),
    ]

    func run(_ repetitions: Int) -> Measurement {
        var result = Measurement()
        for (rows, columns, depth) in Self.shapes {
            let stream = RandomStream(seed: 1, purpose: "products")
            let x = Tensor.uniform([rows, depth], from: -1, to: 1, stream: stream)
            let weight = Tensor.uniform([columns, depth], from: -1, to: 1, stream: stream)
            let operations = 2 * Double(rows * columns * depth)
            let calls = max(1, Int(2e7 / operations))
            /// The best of the repetitions, which other work on the machine delays least.
            func measure(_ name: String, _ body: () -> Void) -> Double {
                let timing = Timing(max(10, repetitions)) { for _ in 0..<calls { body() } }
                let rate = operations * Double(calls) / (timing.wall.min() ?? .nan) / 1e9
                result["gflops_\(name)_\(rows)x\(columns)x\(depth)"] = .number(rate.rounded(digits: 4))
                return rate
            }
            let blas = measure("openblas_float32") { Self.openBLAS(x, weight) }
            for precision in Precision.allCases {
                let weight = weight.converted(to: precision == .float32 ? .float32 : .bfloat16)
                let packed = PackedMatrix(weight, precision)
                for (name, copy) in [("", nil), ("_packed", packed)] {
                    let rate = measure(precision.rawValue + name) {
                        _ = linear(x, weight, bias: nil, precision: precision, packed: copy)
                    }
                    result["to_openblas_\(precision.rawValue)\(name)_\(rows)x\(columns)x\(depth)"] = .number(
                        (rate / blas).rounded(digits: 3))
                }
            }
        }
        return result
    }

    private static func openBLAS(_ x: Tensor, _ weight: Tensor) {
        let (rows, depth, columns) = (blasint(x.shape[0]), blasint(x.shape[1]), blasint(weight.shape[0]))
        openblas_set_num_threads(Int32(Parallel.threads))
        _ = Tensor(
            [Int(rows), Int(columns)],
            writing: {
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, depth, 1, x.floats, depth, weight.floats,
                    depth, 0, $0, columns)
            })
    }

    /// A script for PyTorch that measures the same products: plain, and with oneDNN's packed weights. Its argument is the
    /// number of threads.
    static var peerScript: String {
        let shapes = shapes.map { "(\($0.0), \($0.1), \($0.2))" }.joined(separator: ", ")
        return """
            import json, sys, time, torch
            threads = int(sys.argv[1])
            if threads: torch.set_num_threads(threads)
            result = {}
            def measure(name, shape, body):
                rows, columns, depth = shape
                calls = max(1, int(2e7 / (2 * rows * columns * depth)))
                body()
                best = float("inf")
                for _ in range(10):
                    start = time.perf_counter()
                    for _ in range(calls): body()
                    best = min(best, (time.perf_counter() - start) / calls)
                result[f"gflops_{name}_{rows}x{columns}x{depth}"] = round(2e-9 * rows * columns * depth / best, 1)
            for shape in [\(shapes)]:
                rows, columns, depth = shape
                for type in [torch.float32, torch.bfloat16]:
                    x, w = torch.rand(rows, depth).to(type), torch.rand(columns, depth).to(type)
                    name = str(type).split(".")[1]
                    with torch.no_grad():
                        measure(name, shape, lambda: torch.nn.functional.linear(x, w))
                        try:
                            packed = torch.ops.mkldnn._reorder_linear_weight(w, rows)
                            call = lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
                            measure(name + "_packed", shape, call)
                        except (AttributeError, RuntimeError, NotImplementedError) as error:
                            print(error, file=sys.stderr)
            print(json.dumps(result))
            """
    }
}
