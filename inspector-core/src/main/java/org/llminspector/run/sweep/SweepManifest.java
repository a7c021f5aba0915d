package org.llminspector.run.sweep;

import java.util.List;
import org.llminspector.engine.EngineInfo;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.RunManifest.ModelIdentity;

/**
 * What a sweep is of: {@code sweep.json} of its folder.
 *
 * @param format of the parts; another one is not merged with these
 * @param engineB of the other side; null without one
 * @param prefix ids that the tokenizer puts before every window
 * @param tokens that count, each once
 * @param read tokens that the model reads, repeated ones included
 * @param badLines lines that are no documents
 * @param firstBadLines where the first of them are, and why
 * @param batch most windows that run together
 * @param hooks that are read
 * @param parts names of the parts in the shards' order: the hash of all that decides their values
 * @param bytes most bytes of all parts
 * @param memory that it holds at once; null in a sweep.json of before it was kept
 */
public record SweepManifest(
        String format,
        String created,
        SweepRequest request,
        ModelIdentity model,
        EngineInfo engine,
        EngineInfo engineB,
        List<Integer> prefix,
        int window,
        int windows,
        int documents,
        long tokens,
        long read,
        long badLines,
        List<String> firstBadLines,
        int batch,
        List<String> hooks,
        List<String> parts,
        long bytes,
        SweepMemory memory) {

    /** The same without the parts' names, of which there may be thousands. */
    SweepManifest brief() {
        return new SweepManifest(
                format,
                created,
                request,
                model,
                engine,
                engineB,
                prefix,
                window,
                windows,
                documents,
                tokens,
                read,
                badLines,
                firstBadLines,
                batch,
                hooks,
                List.of(),
                bytes,
                memory);
    }

    static final String FORMAT = "llm-inspector sweep 1";
}
