/** Loss surfaces of two variables, and the paths of optimizers on them. */
package org.llminspector.train.surface;
