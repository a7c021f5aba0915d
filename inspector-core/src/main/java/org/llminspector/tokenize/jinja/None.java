package org.llminspector.tokenize.jinja;

/** Python's None. Java's null means undefined. */
enum None {
    NONE
}
