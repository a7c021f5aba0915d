package org.llminspector.corpus;

/**
 * How files become documents.
 *
 * @param field the column, or field of a JSON line, with the text
 * @param id the one with the document's id, where a line has it; else the line's number is the id
 * @param paragraphs whether blank lines separate the documents of a .txt file; else the file is one document
 * @param skipBad whether a line that is no document is counted and left out; else it is refused
 */
public record CorpusOptions(String field, String id, boolean paragraphs, boolean skipBad) {

    public static final CorpusOptions DEFAULT = new CorpusOptions("text", "id", false, false);
}
