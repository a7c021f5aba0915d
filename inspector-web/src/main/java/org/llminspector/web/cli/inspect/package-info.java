/** Commands that show what is inside a model: heads, neurons, weights, positions, costs, gradients. */
package org.llminspector.web.cli.inspect;
