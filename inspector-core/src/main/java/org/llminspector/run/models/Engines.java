package org.llminspector.run.models;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.exported.ExportedKind;
import org.llminspector.engine.onnx.OnnxKind;
import org.llminspector.engine.torch.TorchKind;

/** The list of engine kinds in this build. The first that opens a model is the one a request without an engine means. */
public final class Engines {

    private static final List<EngineKind> ALL = List.of(new TorchKind(), new OnnxKind(), new ExportedKind());

    private Engines() {}

    /** The kinds that open this model, the default first. */
    public static List<EngineKind> of(EngineKind.Source model) {
        return ALL.stream().filter(k -> k.opens(model)).toList();
    }

    /**
     * The kind of that name that opens this model.
     *
     * @param id null for the model's default
     * @throws Problem UNSUPPORTED for an engine that this build has not, or that cannot open the model
     */
    public static EngineKind of(String id, EngineKind.Source model) {
        List<EngineKind> kinds = of(model);
        if (id == null) return kinds.get(0);
        if (!names().contains(id)) {
            throw Problem.unsupported("there is no such engine here")
                    .where("engine")
                    .expected(String.join(" or ", names()))
                    .found(id)
                    .instead("GET /engines or `inspector models` lists what this build has");
        }
        List<EngineKind> named = ALL.stream().filter(k -> k.id().equals(id)).toList();
        return named.stream().filter(kinds::contains).findFirst().orElseThrow(() -> cannotOpen(named, model));
    }

    /**
     * The first kind with this ability that opens the model.
     *
     * @throws Problem UNSUPPORTED where none does
     */
    public static EngineKind with(EngineKind.Ability ability, EngineKind.Source model) {
        List<EngineKind> able =
                ALL.stream().filter(k -> k.abilities().contains(ability)).toList();
        return able.stream().filter(k -> k.opens(model)).findFirst().orElseThrow(() -> cannotOpen(able, model));
    }

    /**
     * Another kind than this one that opens the model.
     *
     * @throws Problem UNSUPPORTED where there is none
     */
    public static EngineKind other(String id, EngineKind.Source model) {
        List<EngineKind> others = ALL.stream().filter(k -> !k.id().equals(id)).toList();
        return others.stream().filter(k -> k.opens(model)).findFirst().orElseThrow(() -> cannotOpen(others, model));
    }

    private static Problem cannotOpen(List<EngineKind> wanted, EngineKind.Source model) {
        return Problem.unsupported("an ONNX file runs on the " + ids(of(model)) + " engine only")
                .where("engine")
                .expected(ids(of(model)))
                .found(ids(wanted))
                .instead("leave the engine out, or open the model's safetensors or GGUF");
    }

    private static String ids(List<EngineKind> kinds) {
        return kinds.stream().map(EngineKind::id).distinct().collect(Collectors.joining(" or "));
    }

    /** The names that requests may call an engine by. */
    public static List<String> names() {
        return ALL.stream().map(EngineKind::id).distinct().toList();
    }

    /** What this build has of each engine. */
    public static List<Capabilities> capabilities() {
        Map<String, Capabilities> found = new LinkedHashMap<>();
        for (EngineKind kind : ALL) if (!found.containsKey(kind.id())) found.put(kind.id(), kind.capabilities());
        return List.copyOf(found.values());
    }

    /** Every device, as an engine that runs on it describes it; where none does, with the first engine's reason. */
    public static List<Device> devices() {
        Map<String, Device> devices = new LinkedHashMap<>();
        for (Capabilities engine : capabilities()) {
            for (Device d : engine.devices()) {
                devices.merge(d.id(), d, (first, other) -> first.available() || !other.available() ? first : other);
            }
        }
        return List.copyOf(devices.values());
    }
}
