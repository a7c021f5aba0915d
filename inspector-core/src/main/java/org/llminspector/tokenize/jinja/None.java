package org.llminspector.tokenize.jinja;

/** None is Python's None. Java's null stands for what is undefined. */
enum None {
    NONE
}
