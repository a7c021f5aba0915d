package org.llminspector.hook;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;

/**
 * Identifier of a hooked value: a hook point and, inside the blocks, a layer.
 *
 * @param layer the block's index, or -1 outside the blocks
 */
public record HookId(HookPoint point, int layer) implements Comparable<HookId> {

    private static final Pattern LAYERED = Pattern.compile("blocks\\.(0|[1-9][0-9]{0,5})\\.(.+)");
    private static final Comparator<HookId> DATA_ORDER = Comparator.comparingInt(HookId::stage)
            .thenComparingInt(HookId::layer)
            .thenComparing(HookId::point);

    public HookId {
        if (point.layered() != layer >= 0) throw new IllegalArgumentException(point + " at layer " + layer);
    }

    public static HookId of(HookPoint point) {
        return new HookId(point, -1);
    }

    public static HookId of(HookPoint point, int layer) {
        return new HookId(point, layer);
    }

    /** Parses {@code blocks.3.attn.hook_pattern}; throws a Problem for an unknown name. */
    @JsonCreator
    public static HookId parse(String name) {
        Matcher m = LAYERED.matcher(name);
        if (m.matches()) {
            return new HookId(HookPoint.ofTemplate("blocks.{i}." + m.group(2)), Integer.parseInt(m.group(1)));
        }
        HookPoint point = HookPoint.ofTemplate(name);
        if (point.layered())
            throw Problem.invalid("the hook's layer is missing").found(name);
        return of(point);
    }

    @JsonValue
    public String name() {
        return point.layered() ? point.template().replace("{i}", Integer.toString(layer)) : point.template();
    }

    /** Orders hooks as data flows through the model. */
    @Override
    public int compareTo(HookId other) {
        return DATA_ORDER.compare(this, other);
    }

    private int stage() {
        return point.layered() ? 1 : point.compareTo(HookPoint.RESID_PRE) < 0 ? 0 : 2;
    }

    @Override
    public String toString() {
        return name();
    }
}
