package org.llminspector.run;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.request.RunRequest;

/**
 * Runs a model once per line of input, which gives the number of tokens and whether to wait for another line after the
 * first token. It prints when the first token has come, and how the run ended.
 */
final class OverwrittenMain {

    private OverwrittenMain() {}

    public static void main(String[] args) throws Exception {
        try (Inspector inspector = Inspector.open(
                        new InspectorConfig(List.of(Path.of(args[0])), null, Path.of(args[1]), 1L << 30, 1L << 20, 4));
                BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                RunRequest request = Requests.tokens(1, 2, 3)
                        .model(args[2])
                        .engine(args[3])
                        .generate(Requests.greedy(Integer.parseInt(line.split(" ")[0])))
                        .build();
                try {
                    inspector.runs().run(request, new Begun(line.endsWith("waits") ? lines : null));
                    System.out.println("ended well");
                } catch (Problem p) {
                    System.out.println(
                            "ended " + p.kind() + " " + p.getMessage().replace('\n', ' '));
                }
            }
        }
    }

    private static final class Begun implements RunListener {
        private final BufferedReader waits;
        private boolean said;

        Begun(BufferedReader waits) {
            this.waits = waits;
        }

        @Override
        public void token(GeneratedToken token, KvCacheReport kvCache) {
            if (said) return;
            said = true;
            System.out.println("begun");
            try {
                if (waits != null) waits.readLine();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
