package org.llminspector.checkpoint;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.gguf.GgufMetadata;

/**
 * An architecture's metadata keys with a record of which were read, so that a file with an unknown key that may change
 * the arithmetic is refused.
 */
final class GgufKeys {

    /** Keys that do not affect the forward pass, or repeat the tensors' shapes. */
    private static final Set<String> HARMLESS =
            Set.of("attention.causal", "rope.scaling.finetuned", "tensor_data_layout", "vocab_size");

    private final GgufMetadata metadata;
    private final String prefix;
    private final Set<String> read = new HashSet<>();

    GgufKeys(GgufMetadata metadata, String architecture) {
        this.metadata = metadata;
        this.prefix = architecture + ".";
    }

    private String key(String name) {
        read.add(name);
        return prefix + name;
    }

    boolean has(String name) {
        return metadata.has(key(name));
    }

    /** A size; a list per layer is accepted when all are equal. */
    int size(String name) {
        if (!has(name)) throw metadata.wrong(key(name), "a whole number");
        return size(name, 0);
    }

    int size(String name, int whenAbsent) {
        if (!(metadata.value(key(name)) instanceof long[] each)) return metadata.size(key(name), whenAbsent);
        for (long n : each) {
            if (n != each[0] || n < 0 || n > Integer.MAX_VALUE) {
                throw Problem.unsupported("the layers differ in size")
                        .where(metadata.at(key(name)))
                        .expected("one size for all layers")
                        .found(each[0] + " and " + n);
            }
        }
        if (each.length == 0) throw metadata.wrong(key(name), "a whole number");
        return (int) each[0];
    }

    double number(String name, double whenAbsent) {
        return metadata.number(key(name), whenAbsent);
    }

    boolean flag(String name, boolean whenAbsent) {
        return metadata.flag(key(name), whenAbsent);
    }

    String text(String name, String whenAbsent) {
        return metadata.text(key(name), whenAbsent);
    }

    /** A size per layer, of a list that may go on for the blocks after the model's. */
    long[] each(String name, int layers) {
        if (metadata.value(key(name)) instanceof long[] each && fits(each.length, layers)) {
            for (long n : each)
                if (n < 0 || n > Integer.MAX_VALUE) throw wrong(name, "whole numbers from 0 to 2,147,483,647");
            return Arrays.copyOf(each, layers);
        }
        throw wrong(name, "a list of " + layers + " whole numbers, one per layer");
    }

    /** The same, where one number may stand for all layers. */
    long[] eachOrAll(String name, int layers) {
        if (metadata.value(key(name)) instanceof long[]) return each(name, layers);
        long[] same = new long[layers];
        Arrays.fill(same, size(name));
        return same;
    }

    private boolean fits(int length, int layers) {
        return length == layers || length == size("block_count", layers);
    }

    /** The largest number of a list, or the one number for all layers. */
    int largest(String name, int whenAbsent) {
        if (!(metadata.value(key(name)) instanceof long[] each)) return size(name, whenAbsent);
        long most = 0;
        for (long n : each) most = Math.max(most, n);
        if (most > Integer.MAX_VALUE) throw wrong(name, "whole numbers from 0 to 2,147,483,647");
        return (int) most;
    }

    /** A number per layer. */
    float[] numbers(String name, int layers) {
        float[] each = metadata.floats(key(name));
        if (!fits(each.length, layers)) throw wrong(name, "a list of " + layers + " numbers, one per layer");
        return Arrays.copyOf(each, layers);
    }

    /** The common size of the layers that have one; 0 marks layers without. */
    int sizeOfSome(String name, int whenAbsent) {
        if (!(metadata.value(key(name)) instanceof long[] each)) return size(name, whenAbsent);
        long some = 0;
        for (long n : each) {
            if (n < 0 || n > Integer.MAX_VALUE || (n > 0 && some > 0 && n != some))
                throw wrong(name, "one size for all layers that have it, 0 for the others");
            some = Math.max(some, n);
        }
        return (int) some;
    }

    /** A flag per layer, or 0 and 1 for it; null where the file has no list of them. */
    boolean[] flags(String name, int layers) {
        Object value = metadata.value(key(name));
        if (value instanceof long[] ints) {
            boolean[] same = new boolean[ints.length];
            for (int i = 0; i < ints.length; i++) {
                if (ints[i] != 0 && ints[i] != 1) throw wrong(name, "flags, or 0 and 1");
                same[i] = ints[i] == 1;
            }
            value = same;
        }
        if (!(value instanceof boolean[] each)) return null;
        if (!fits(each.length, layers)) throw wrong(name, "a list of " + layers + " flags, one per layer");
        return Arrays.copyOf(each, layers);
    }

    Problem wrong(String name, String expected) {
        return metadata.wrong(key(name), expected);
    }

    /** Throws for the first key that was not read and is not harmless, 0 or false. */
    void refuseWhatWasNotUnderstood() {
        for (String key : metadata.keys()) {
            if (!key.startsWith(prefix)) continue;
            String name = key.substring(prefix.length());
            Object v = metadata.value(key);
            boolean off = v instanceof Boolean b ? !b : v instanceof Number n && n.doubleValue() == 0;
            if (off || read.contains(name) || HARMLESS.contains(name)) continue;
            throw Problem.unsupported("the file has a key that may change the arithmetic and is not understood")
                    .where(metadata.at(key))
                    .expected(prefix + String.join(", ", read.stream().sorted().toList()))
                    .found(v instanceof Number || v instanceof Boolean ? v : "a text or a list");
        }
    }
}
