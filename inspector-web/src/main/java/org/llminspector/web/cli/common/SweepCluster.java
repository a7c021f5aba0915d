package org.llminspector.web.cli.common;

import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.Sweeps;

/**
 * Machines that compute the shards of a sweep: {@code sweep --on ADDRESS}. Another module implements it and lists the class in
 * {@code META-INF/services}; the program itself knows none.
 */
public interface SweepCluster {

    /** Whether an address is of this kind: {@code spark://host:7077}. */
    boolean takes(String address);

    /**
     * Computes the shards whose parts are not there, and merges all.
     *
     * @param address as {@link #takes} takes it
     * @param inspector of this machine, which has the model's files too
     * @param places where the other machines find models
     * @param out the sweep's folder on this machine
     * @param mostBytes of all parts; more are refused before anything runs
     * @throws Problem where shards could not be computed, with their number; those that are finished stay
     */
    Sweeps.Done run(
            String address,
            Inspector inspector,
            Places places,
            SweepRequest request,
            Path out,
            long mostBytes,
            SweepListener listener);

    /**
     * Where a machine finds models, and what it may hold; its own environment goes first.
     *
     * @param slug of the model
     * @param model absolute; null where it is found in the folders
     * @param roots folders of models, absolute
     * @param memory most bytes of weights and caches; null for three fifths of the machine's
     * @param trust whether models are opened without being tried by another process first
     */
    record Places(String slug, Path model, List<Path> roots, Long memory, boolean trust) {}

    /** @throws Problem UNSUPPORTED where no module for the address is on the class path */
    static SweepCluster at(String address) {
        for (SweepCluster cluster : ServiceLoader.load(SweepCluster.class, SweepCluster.class.getClassLoader())) {
            if (cluster.takes(address)) return cluster;
        }
        throw Problem.unsupported("this program has nothing that computes on other machines")
                .where("--on " + address)
                .expected("inspector-spark.jar on the class path, and an address such as spark://host:7077")
                .instead("scripts/inspector sweep --on, or spark-submit: docs/scale.md; without either: --shard");
    }
}
