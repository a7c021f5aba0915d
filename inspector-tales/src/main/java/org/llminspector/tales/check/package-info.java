/** Proofreading of a text against the tales' grammar and world; it sees only the text. */
package org.llminspector.tales.check;
