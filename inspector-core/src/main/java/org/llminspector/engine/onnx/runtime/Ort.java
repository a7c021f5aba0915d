package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import com.sun.jna.Function;
import com.sun.jna.Platform;
import java.lang.reflect.Method;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;
import org.llminspector.base.platform.Home;

/** The process's single ONNX Runtime environment; its errors become Problems. */
public final class Ort {

    private static OrtEnvironment environment;

    /** Source file, line and function signature in an error message. */
    private static final Pattern SOURCE =
            Pattern.compile("\\S*/onnxruntime/\\S+:[0-9]+ [^)]*\\)(?: const)?(?: \\[with [^\\]]*\\])? ?");

    private Ort() {}

    /** A call of ONNX Runtime. */
    @FunctionalInterface
    public interface Work<T> {
        T with(OrtEnvironment env) throws OrtException;
    }

    public static <T> T call(Work<T> work) {
        try {
            return work.with(environment());
        } catch (OrtException e) {
            String message = String.valueOf(e.getMessage());
            if (message.contains("bad_alloc") || message.contains("llocate")) {
                throw Problem.tooLarge("ONNX Runtime does not get the memory that it needs")
                        .found(message(message))
                        .instead("close other models or programs, shorten the prompt, or take a smaller model")
                        .causedBy(e);
            }
            throw Problem.of(Problem.Kind.INTERNAL, "ONNX Runtime refused the work")
                    .found(message(message))
                    .causedBy(e);
        }
    }

    public static void close(OrtSession session) {
        call(env -> {
            session.close();
            return null;
        });
    }

    /** An error message without its source location. */
    static String message(String message) {
        String first = message.lines().findFirst().orElse(message);
        return SOURCE.matcher(first).replaceAll("").replace("Exception during initialization: ", "");
    }

    /** Loads the native library, which must precede use of the C interface. */
    static void load() {
        call(env -> env);
    }

    private static synchronized OrtEnvironment environment() throws OrtException {
        if (environment == null) {
            silenceTelemetry();
            OrtLibrary.keep(Home.dir().resolve("native"));
            environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, "llm-inspector");
            environment.setTelemetry(false);
            retainEnvironment();
        }
        return environment;
    }

    /**
     * Adds a reference to the process's native environment. The Java binding closes it in a shutdown hook even while
     * other threads use it, and creating a session at that moment crashed the JVM.
     */
    private static void retainEnvironment() {
        try {
            Method create = OrtEnvironment.class.getDeclaredMethod("createHandle", long.class, int.class, String.class);
            create.setAccessible(true);
            create.invoke(null, NativeOrt.api(), OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR.getValue(), "llm-inspector");
        } catch (ReflectiveOperationException e) {
            throw NativeOrt.otherVersion(e);
        }
    }

    /**
     * Sets ORT_DISABLE_TELEMETRY in this process: 1.29 reads it while the environment is made, before {@code
     * setTelemetry} can be called, and its telemetry crashes the process when the command line is long.
     */
    private static void silenceTelemetry() {
        if (Platform.isWindows()) return;
        Function.getFunction(Platform.C_LIBRARY_NAME, "setenv")
                .invokeInt(new Object[] {"ORT_DISABLE_TELEMETRY", "1", 1});
    }
}
