package org.llminspector.parquet;

import org.llminspector.base.Problem;

/** What is wrong with a file's bytes. */
final class Damage {

    private Damage() {}

    static Problem of(String what, Object expected, Object found) {
        return Problem.invalid(what)
                .expected(expected)
                .found(found)
                .instead("fetch the file again, or write it anew with pyarrow");
    }

    /** A file as the format allows it, which this program does not read. */
    static Problem unread(String what, Object expected, Object found, String instead) {
        return Problem.unsupported(what).expected(expected).found(found).instead(instead);
    }
}
