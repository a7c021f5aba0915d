package org.llminspector.spark;

import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.request.SweepRequestBuilder;

/** Requests as another machine understands them. */
final class Requests {

    private Requests() {}

    /** The same request, its model named and its corpus's path absolute: executors run in folders of their own. */
    static SweepRequest absolute(SweepRequest request, String slug) {
        SweepRequest.Texts t = request.corpus();
        if (t != null && t.path() != null && Files.exists(Path.of(t.path()))) {
            String path = Path.of(t.path()).toAbsolutePath().normalize().toString();
            t = new SweepRequest.Texts(path, t.documents(), t.field(), t.id(), t.paragraphs(), t.skipBad());
        }
        RunRequest a = request.a() == null ? RunRequest.builder().build() : request.a();
        if (a.model() == null) a = a.toBuilder().model(slug).build();
        return SweepRequestBuilder.builder(request).a(a).corpus(t).build();
    }
}
