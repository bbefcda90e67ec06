select
    o.order_id,
    o.customer_id,
    o.ordered_at,
    o.status,
    o.discount_percent,
    cast(sum(i.quantity) as integer) as item_count,
    sum(i.line_total) as order_total,
    max_by(p.category, i.unit_price) as category
from {{ ref('stg_orders') }} as o
join {{ ref('stg_order_items') }} as i on i.order_id = o.order_id
join {{ ref('stg_products') }} as p on p.product_id = i.product_id
group by o.order_id, o.customer_id, o.ordered_at, o.status, o.discount_percent
