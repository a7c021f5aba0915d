package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.engine.ModelCapabilities;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookAbsence;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/** The hook table of one model. */
public final class Hooks {

    private Hooks() {}

    public static List<HookDescription> describe(ModelFolder folder) {
        DecoderSpec spec = folder.spec();
        ModelCapabilities capabilities = folder.capabilities();
        List<HookDescription> all = new ArrayList<>();
        for (HookPoint point : HookPoint.values()) {
            List<Integer> layers = point.layered()
                    ? IntStream.range(0, spec.nLayers())
                            .filter(i -> HookPresence.of(point, spec, i))
                            .filter(i -> capabilities.has(HookId.of(point, i)))
                            .boxed()
                            .toList()
                    : List.of();
            boolean available = point.layered()
                    ? !layers.isEmpty()
                    : HookPresence.of(point, spec, -1) && capabilities.has(HookId.of(point));
            boolean hidden = !available && HookPresence.of(point, spec, 0);
            all.add(new HookDescription(
                    point.template(),
                    point.axes().stream().map(Axis::label).toList(),
                    shape(point, spec, layers.isEmpty() ? 0 : layers.get(0)),
                    point.doc(),
                    available,
                    layers,
                    available ? null : hidden ? capabilities.absence(point) : HookAbsence.of(point, spec, 0),
                    hidden ? capabilities.instead() : null));
        }
        return all;
    }

    /** Sizes where the model fixes them, axis names where the run does. */
    private static List<Object> shape(HookPoint point, DecoderSpec spec, int layer) {
        long[] sizes = HookShape.of(point, spec, layer, 1, 1);
        List<Object> shape = new ArrayList<>();
        for (int a = 0; a < sizes.length; a++) {
            Axis axis = point.axes().get(a);
            shape.add(axis.grows() ? axis.label() : (Object) sizes[a]);
        }
        return shape;
    }
}
