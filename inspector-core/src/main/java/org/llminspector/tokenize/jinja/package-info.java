/**
 * Renderer of chat templates, compatible with Python's Jinja2, which transformers uses: a Lexer, a Grammar of
 * expressions, Statements around them, and Python's values.
 *
 * <p>Templates come from the network. They see JSON values and a few functions, and nothing of Java: no class, no
 * method by reflection, no file; time and size are limited.
 */
package org.llminspector.tokenize.jinja;
