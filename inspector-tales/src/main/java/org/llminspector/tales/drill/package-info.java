/** Documents that teach one skill each: copying, sums, counting, recall of people and places. */
package org.llminspector.tales.drill;
