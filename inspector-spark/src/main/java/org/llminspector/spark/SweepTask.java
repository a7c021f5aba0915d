package org.llminspector.spark;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.platform.Home;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.web.cli.common.SweepCluster.Places;

/**
 * What an executor must know of a sweep.
 *
 * @param id of this run of it
 * @param request as JSON
 * @param slug of the model
 * @param model its path; null where it is found in the roots
 * @param roots folders of models, where the executor's LLM_INSPECTOR_MODELS names none
 * @param memory most bytes of weights and caches; null for the executor's standard
 * @param weights SHA-256 of the weights of each side, as the driver has them
 * @param out the sweep's folder
 * @param marker file in it, by which an executor sees that it shares the folder with the driver
 * @param mostBytes of all parts
 */
record SweepTask(
        String id,
        String request,
        String slug,
        String model,
        List<String> roots,
        Long memory,
        boolean trust,
        List<String> weights,
        String out,
        String marker,
        long mostBytes)
        implements Serializable {

    private static final int TASKS = 1024;

    static SweepTask of(
            String id, SweepRequest request, Places places, List<String> weights, Path out, long mostBytes) {
        return new SweepTask(
                id,
                Json.write(request),
                places.slug(),
                places.model() == null ? null : places.model().toString(),
                places.roots().stream().map(Path::toString).toList(),
                places.memory(),
                places.trust(),
                weights,
                out.toString(),
                out.resolve(".on-" + id).toString(),
                mostBytes);
    }

    SweepRequest sweep() {
        try {
            return Json.mapper().readValue(request, SweepRequest.class);
        } catch (IOException e) {
            throw Problem.invalid("the sweep's request is of another version of the program")
                    .where("inspector-spark.jar")
                    .found(e.getMessage())
                    .instead("give every machine the same llm-inspector.jar");
        }
    }

    /** @param runs a folder for runs, of which a sweep makes none */
    InspectorConfig config(Path runs) {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (trust) environment.put("LLM_INSPECTOR_TRUST", "1");
        String own = environment.get("LLM_INSPECTOR_MODELS");
        List<String> folders = own == null || own.isBlank() ? roots : List.of(own.split(java.io.File.pathSeparator));
        return new InspectorConfig(
                folders.stream().map(Path::of).toList(),
                model == null ? null : Path.of(model),
                runs,
                0,
                0,
                memory == null ? InspectorConfig.standardMemory() : memory,
                TASKS,
                Home.dir().resolve("trained"),
                environment);
    }
}
