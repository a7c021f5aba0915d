/** tokenizer.json as checked rules: parts that the library runs, and those that this project has to correct. */
package org.llminspector.tokenize.file;
