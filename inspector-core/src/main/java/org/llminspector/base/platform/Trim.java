package org.llminspector.base.platform;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;

/** Returns freed memory that the C library keeps for reuse to the system. */
public final class Trim {

    private static Function trim;
    private static boolean looked;

    private Trim() {}

    /** No effect without {@code malloc_trim}, which only glibc has. */
    public static synchronized void memory() {
        if (!looked && Platform.isLinux()) {
            try {
                trim = NativeLibrary.getInstance(Platform.C_LIBRARY_NAME).getFunction("malloc_trim");
            } catch (UnsatisfiedLinkError e) {
                trim = null;
            }
        }
        looked = true;
        if (trim != null) trim.invokeInt(new Object[] {0L});
    }
}
