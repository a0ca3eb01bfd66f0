// What the model may look up: the orders of a shop. Put your own data behind these.
import { tool } from "caduceus";
import { z } from "zod";

const orders = [
  { id: "A-1001", customer: "anna", item: "a desk lamp", status: "sent on Monday" },
  { id: "A-1002", customer: "anna", item: "two bulbs", status: "waiting for the supplier" },
  { id: "B-2001", customer: "bob", item: "a chair", status: "delivered" },
];

/** Whose orders the tools see is the server's decision, never the model's. @param {string} customer */
export function toolsFor(customer) {
  const own = orders.filter((order) => order.customer === customer);
  return [
    tool({
      name: "list_orders",
      description: "The customer's orders: their numbers and what was ordered",
      execute: () => own.map(({ id, item }) => ({ id, item })),
    }),
    tool({
      name: "get_order",
      description: "One of the customer's orders, with its status",
      parameters: z.object({ id: z.string().regex(/^[A-Z]-\d{4}$/).describe("The number, such as A-1001") }),
      execute: ({ id }) => {
        const found = own.find((order) => order.id === id);
        if (found === undefined) throw new Error(`There is no order ${id}.`);
        return { item: found.item, status: found.status };
      },
    }),
  ];
}
