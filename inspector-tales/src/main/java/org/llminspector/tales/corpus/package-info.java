/** The training corpus: which document has which index, conversations about stories, their tokenizer. */
package org.llminspector.tales.corpus;
