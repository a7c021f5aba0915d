package org.llminspector.spark;

import java.util.List;
import java.util.Objects;
import org.llminspector.base.Problem;
import org.llminspector.engine.EngineInfo;
import org.llminspector.run.sweep.SweepManifest;

/** What may differ between machines that compute one sweep, and is refused with the machine's name. */
final class Differences {

    private Differences() {}

    /**
     * Refuses other weights than the driver's.
     *
     * @param driver SHA-256 of the weights of each side
     * @param here the same on this machine
     */
    static void weights(String host, List<String> driver, List<String> here) {
        for (int side = 0; side < driver.size(); side++) {
            if (driver.get(side).equals(here.get(side))) continue;
            throw differs("the model's file differs on one machine")
                    .where("host " + host + ", side " + (side == 0 ? "a" : "b"))
                    .expected("weights with SHA-256 " + driver.get(side))
                    .found(here.get(side))
                    .instead("give the machine the same files, or point its LLM_INSPECTOR_MODELS at them");
        }
    }

    /** Refuses a plan whose parts would be others than the driver's. */
    static void plans(String host, SweepManifest driver, SweepManifest here) {
        engine(host, driver.engine(), here.engine());
        engine(host, driver.engineB(), here.engineB());
        if (driver.parts().equals(here.parts())) return;
        throw differs("the texts differ on one machine")
                .where("host " + host + ", " + driver.request().corpus().path())
                .expected(driver.documents() + " documents, " + driver.windows() + " windows, " + driver.read()
                        + " tokens, the same in each")
                .found(here.documents() + " documents, " + here.windows() + " windows, " + here.read() + " tokens")
                .instead("put the corpus into a folder that all machines share, or copy it to each");
    }

    private static void engine(String host, EngineInfo driver, EngineInfo here) {
        String expected = said(driver);
        String found = said(here);
        if (Objects.equals(expected, found)) return;
        throw differs("the engine differs on one machine")
                .where("host " + host)
                .expected(expected)
                .found(found)
                .instead("use machines of one kind, or name the device: --device cpu");
    }

    private static String said(EngineInfo e) {
        return e == null
                ? "none"
                : e.name() + " " + e.version() + " on " + e.device() + ", "
                        + e.precision().label() + ", " + e.arithmetic();
    }

    private static Problem differs(String what) {
        return Problem.of(Problem.Kind.CONFLICT, what);
    }
}
