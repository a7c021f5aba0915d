/** Parameters, FLOPs, bytes and times of a model's parts. */
package org.llminspector.run.inspect.cost;
