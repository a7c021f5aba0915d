/**
 * Jinja renders a chat template as Python's Jinja2 does, which transformers uses: jinjava reads the statements, and
 * what it does in its own way (whitespace, scopes, operators, printing) is done here in Python's.
 *
 * <p>Templates come from the network. They see JSON values, a few functions, and nothing of Java: no class, no method
 * by reflection, no file, and they have limits of time and size. May import: base.
 */
package org.llminspector.tokenize.jinja;
