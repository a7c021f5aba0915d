/** The engines' work queue, and the account of the memory budget. */
package org.llminspector.run.work;
