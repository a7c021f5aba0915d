/**
 * Jinja renders a chat template as Python's Jinja2 does, which transformers uses: a Lexer, a Grammar of expressions,
 * Statements around them, and Python's values.
 *
 * <p>Templates come from the network. They see JSON values, a few functions, and nothing of Java: no class, no method
 * by reflection, no file, and they have limits of time and size.
 */
package org.llminspector.tokenize.jinja;
