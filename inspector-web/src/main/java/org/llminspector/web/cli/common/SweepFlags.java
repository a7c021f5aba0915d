package org.llminspector.web.cli.common;

import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.run.sweep.Sweeps;
import picocli.CommandLine.Option;

/** Options that say where a sweep is kept, and who computes which of its shards. */
public class SweepFlags {

    @Option(names = "--out", paramLabel = "DIR", description = "The sweep's folder.")
    public Path out;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "The most tokens read together. Default: 128; for tasks the model's context.")
    public Integer window;

    @Option(
            names = "--shard",
            paramLabel = "I/N",
            description = "Only the shards of one of N processes, I from 0. The parts are merged once all are there.")
    public String shard;

    @Option(
            names = "--on",
            paramLabel = "ADDRESS",
            description = "Compute the shards on a cluster, such as spark://host:7077. The result has the same bits.")
    public String on;

    @Option(names = "--shard-windows", paramLabel = "N", description = "Windows of one part. Default: 64.")
    public Integer shardWindows;

    @Option(
            names = "--max-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The most that all parts may take; more is refused before anything runs. Default: 4GiB.")
    public long maxBytes = Sweeps.MOST_BYTES;

    /** This process's shards. */
    public Sweeps.Share share() {
        if (shard == null) return Sweeps.Share.ALL;
        String[] parts = shard.split("/", -1);
        try {
            if (parts.length == 2) return new Sweeps.Share(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        } catch (NumberFormatException e) {
            // refused below
        }
        throw Problem.invalid("this is no share of the shards")
                .where("--shard")
                .expected("I/N, such as 0/2 and 1/2")
                .found(shard);
    }
}
