package org.llminspector.web.server.http;

import java.util.function.Consumer;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.LabListener;
import org.llminspector.run.lab.Labs;
import org.llminspector.run.request.AnalysisRequest;

/** One causal analysis under way. */
public final class LiveAnalysis extends LiveWork implements LabListener {

    public LiveAnalysis(Consumer<RunEvent> events) {
        super(events);
    }

    /** Runs to the end. Blocks. */
    public Analysis analyse(Labs labs, AnalysisRequest request) {
        return labs.analyse(request, this);
    }

    @Override
    public void progress(Progress progress) {
        send("progress", progress);
    }
}
