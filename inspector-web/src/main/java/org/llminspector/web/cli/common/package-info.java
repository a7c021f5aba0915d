/** What commands share: options, arguments, progress, tables on a terminal. */
package org.llminspector.web.cli.common;
