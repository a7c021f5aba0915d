/** Values, filters, tests, functions and statements of a Jinja template at run time. */
package org.llminspector.tokenize.jinja.runtime;
