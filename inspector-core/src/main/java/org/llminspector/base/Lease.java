package org.llminspector.base;

/** Lease is how long lent memory may be read. Safe on any thread. */
public final class Lease {

    private final String what;
    private volatile boolean over;

    /** @param what is lent, for the message */
    public Lease(String what) {
        this.what = what;
    }

    public void end() {
        over = true;
    }

    /** Reading what may be somebody else's by now is a defect of ours. */
    public void check() {
        if (over) throw new IllegalStateException(what + " were released: their memory is lent to others");
    }
}
