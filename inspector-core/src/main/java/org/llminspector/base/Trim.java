package org.llminspector.base;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;

/** Trim gives memory back to the system that was freed and that the C library keeps for the next time. */
public final class Trim {

    private static Function trim;
    private static boolean looked;

    private Trim() {}

    /** Does nothing where the C library has no {@code malloc_trim}: only glibc does. */
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
