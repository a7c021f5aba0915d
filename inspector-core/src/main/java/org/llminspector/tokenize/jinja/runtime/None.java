package org.llminspector.tokenize.jinja.runtime;

/** Python's None. Java's null means undefined. */
public enum None {
    NONE
}
