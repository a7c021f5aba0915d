package org.llminspector.base;

/** Validity of borrowed memory. Thread-safe. */
public final class Lease {

    private final String what;
    private volatile boolean over;

    /** @param what is borrowed, for the message */
    public Lease(String what) {
        this.what = what;
    }

    public void end() {
        over = true;
    }

    /** Throws IllegalStateException, a defect of the program, once the memory may have been reused. */
    public void check() {
        if (over) throw new IllegalStateException(what + " were released: their memory is lent to others");
    }
}
