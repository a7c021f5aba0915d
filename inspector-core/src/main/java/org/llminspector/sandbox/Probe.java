package org.llminspector.sandbox;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.exported.ExportedEngine;
import org.llminspector.engine.exported.ExportedHooks;
import org.llminspector.engine.exported.ExportedSpec;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.MergeTrace;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** Sandboxed probe of a file: everything that a server would do with it, on a few texts or tokens. */
enum Probe {

    /** A folder with a tokenizer.json, or a .gguf file: opened, and texts encoded and decoded. */
    TOKENIZER(4 << 20, 48) {
        @Override
        void of(Path path, boolean trusted) {
            if (!path.toString().endsWith(".json")) {
                try (Checkpoint gguf = Checkpoint.open(path)) {
                    Tokenizer.open(gguf, trusted).ifPresent(Probe::texts);
                }
            } else {
                Tokenizer.open(path.getParent(), trusted).ifPresent(Probe::texts);
            }
        }
    },

    /** A model whose weights are an exported graph: opened in both forms, with a prompt and one more token in each. */
    GRAPH(64 << 20, 4) {
        @Override
        void of(Path path, boolean trusted) {
            try (Checkpoint checkpoint = Checkpoint.open(path)) {
                DecoderSpec spec = ExportedSpec.of(checkpoint);
                ExportedHooks hooks = new ExportedHooks(checkpoint.onnx().orElseThrow(), spec);
                SortedSet<HookId> seen = new TreeSet<>(HookPatterns.match(spec, List.of("*")));
                seen.removeIf(id -> !hooks.has(id));
                try (ExportedEngine engine =
                        ExportedEngine.open(checkpoint, spec, "cpu", PrecisionPlan.of(Precision.FP32))) {
                    tokens(engine, new TreeSet<>());
                    tokens(engine, seen);
                }
            }
        }
    };

    /** Bytes of the file per additional second of CPU time. */
    private final int perSecond;
    /** Bytes of address space per byte of the file. */
    private final int room;

    Probe(int perSecond, int room) {
        this.perSecond = perSecond;
        this.room = room;
    }

    /** Throws a Problem where the file is invalid; a hostile one may end the process or never return. */
    abstract void of(Path path, boolean trusted);

    /** CPU seconds for a file of this size. */
    long seconds(long bytes) {
        return 10 + bytes / perSecond;
    }

    /**
     * Bytes of address space: for the process, its heap and its libraries, plus an allowance for a file of this size.
     */
    long memory(long bytes) {
        return (3L << 29) + room * bytes;
    }

    private static void tokens(ExportedEngine engine, SortedSet<HookId> hooks) {
        try (Session session = engine.begin(new SessionRequest(4, hooks, List.of(), List.of()))) {
            session.append(new int[] {0, 1, 2});
            session.append(new int[] {1});
            session.capture();
        }
    }

    private static void texts(Tokenizer tokenizer) {
        try (tokenizer) {
            for (String text : TEXTS) {
                for (boolean special : new boolean[] {true, false}) {
                    List<Integer> ids = new ArrayList<>();
                    try {
                        for (Token t : tokenizer.encode(text, special)) ids.add(t.id());
                    } catch (Problem p) {
                        continue; // text that the tokenizer cannot encode
                    }
                    tokenizer.decode(ids, special);
                }
            }
            int size = tokenizer.vocabSize();
            for (int id = 0;
                    id < size;
                    id = id < 2_000 || id > size - 2_000 ? id + 1 : Math.max(id + 1, size - 2_000)) {
                if (!tokenizer.has(id)) continue;
                tokenizer.decode(List.of(id), false);
                tokenizer.decode(List.of(id, id), true);
            }
            try {
                MergeTrace.of(tokenizer, TEXTS.get(0));
            } catch (Problem p) {
                // no merges
            }
        }
    }

    private static final List<String> TEXTS = List.of(
            "The quick brown fox, it's 12345.67 o'clock! (a+b)*c = d\n\n\tend </s> <s> [CLS] ##ing",
            "",
            " ",
            "      \n \r\n\t\t   x   ",
            "a".repeat(44) + "!",
            "a".repeat(3_000),
            " ".repeat(3_000) + "x",
            "1234567890".repeat(100),
            "\u00e9e\u0301 \ufb01 \ufdfa \u1e9b\u0323 \u00df \u0130 A\u030a",
            "\u4f60\u597d\u4e16\u754c\u3002\u3053\u3093\u306b\u3061\u306f \uc548\ub155",
            "\ud83d\udc69\u200d\ud83d\udc67\u200d\ud83d\udc66 \ud83c\uddeb\ud83c\uddf7 \ud83d\ude00\ufe0f",
            "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947",
            "\u0000\u0001\u0007\u001f\u007f\u0080\u009f\u00a0\u00ad\u200b\u2028\ufeff\ufffd\uffff",
            "\u2581\u2581the\u2581cat\u0120dog\u010a",
            "<0x0A><0xFF> <|endoftext|><|im_start|>user\n<unk><pad>",
            "((((((((((((([[[[[[[[[[[[[]]]]]]]]]]]]])))))))))))))",
            "\u0300\u0301\u0302".repeat(50),
            "''s't're've'm'll'd \u2019s");
}
